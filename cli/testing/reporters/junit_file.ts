/** JUnit's XML in a file, besides what another reporter prints: for a CI whose log people read. */
import { writeOrSay } from "../../files/write_file.ts";
import { MemoryScreen } from "../../memory_screen.ts";
import type { Screen } from "../../screen.ts";
import type { TestReporter } from "../reporter.ts";
import { junitReporter } from "./machine.ts";

export class JunitFile {
  /** Whether the report of the last run could not be written. */
  failed = false;

  constructor(readonly path: string | null, readonly screen: Screen) {}

  /** A reporter that also writes the file; the same reporter without a file. */
  besides(reporter: TestReporter): TestReporter {
    const { path } = this;
    if (path === null) return reporter;
    const xml = new MemoryScreen();
    const junit = junitReporter(xml);
    return {
      forPeople: reporter.forPeople,
      event(event): void {
        reporter.event(event);
        junit.event(event);
      },
      end: (summary): void => {
        reporter.end(summary);
        junit.end(summary);
        this.failed = !writeOrSay(path, xml.output, this.screen);
      },
    };
  }
}

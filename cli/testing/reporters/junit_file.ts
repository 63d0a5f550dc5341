/** JUnit's XML in a file, besides what another reporter prints: for a CI whose log people read. */
import { writeOrSay } from "../../files/write_file.ts";
import { MemoryScreen } from "../../memory_screen.ts";
import type { Screen } from "../../screen.ts";
import { heard, type TestReporter } from "../reporter.ts";
import { junitReporter } from "./machine.ts";

/** A reporter that also writes the file. @param onFailure Called where it could not be written. */
export function withJunitFile(
  reporter: TestReporter,
  path: string,
  screen: Screen,
  onFailure: () => void,
): TestReporter {
  const xml = new MemoryScreen();
  const junit = junitReporter(xml);
  return heard(reporter, (summary) => {
    junit.end(summary);
    if (!writeOrSay(path, xml.output, screen)) onFailure();
  }, (event) => junit.event(event));
}

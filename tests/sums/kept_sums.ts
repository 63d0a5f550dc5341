/** What drawn runs come to, kept in a text: a section for each of them, below its name. */
import { printable } from "@dmalab/lang/diagnostics";
import { join } from "node:path";
import { ROOT } from "../source_text.ts";
import { DRAWN_RUNS, type DrawnRun } from "./drawn_runs.ts";
import { EventSums } from "./event_sums.ts";

const KEPT = join(ROOT, "tests/sums/drawn.txt");
const HEAD = "# ";

/** What a run comes to now. */
export function sumLines(run: DrawnRun): string[] {
  const sums = new EventSums();
  run(sums);
  return sums.lines.map((line) => printable(line));
}

/** The kept lines of each run, by its name. */
export function readSums(): Map<string, string[]> {
  const sections = Deno.readTextFileSync(KEPT).split(`\n${HEAD}`).slice(1);
  return new Map(sections.map((section) => {
    const [name, ...lines] = section.trimEnd().split("\n");
    return [name!, lines];
  }));
}

/** Keeps what all runs come to now. */
export function writeSums(): void {
  const sections = [...DRAWN_RUNS].map(([name, run]) =>
    `\n${HEAD}${name}\n${sumLines(run).join("\n")}\n`
  );
  Deno.writeTextFileSync(KEPT, sections.join(""));
}

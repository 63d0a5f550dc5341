/** `dmalab test --list`: lists the tests that would be run. */
import { maxOf } from "@dmalab/runtime/basics";
import { printable } from "@dmalab/lang/diagnostics";
import { displayName, isNamed, type NameMatch } from "@dmalab/lang/run";
import { spanPlace } from "@dmalab/lang";
import { type ExitCode, HELD, worseExitCode } from "../exit_code.ts";
import { loadScenario } from "../scenario/load_scenario.ts";
import { noTestText, nothingSelected } from "../scenario/print_run.ts";
import type { Screen } from "../screen.ts";

/** Prints the place and the name of every selected test. The command fails if no test is selected. */
export async function listTests(
  paths: readonly string[],
  matches: readonly NameMatch[],
  screen: Screen,
): Promise<ExitCode> {
  let exitCode: ExitCode = HELD;
  const rows: [place: string, name: string][] = [];
  for (const path of paths) {
    const { exitCode: loaded, program } = await loadScenario(path, screen);
    if (program === null) exitCode = worseExitCode(exitCode, loaded);
    for (const test of program?.tests ?? []) {
      if (test.kind === "bench" || !isNamed(test, matches)) continue;
      rows.push([spanPlace(test.span), printable(displayName(test))]);
    }
  }
  // Lines are not cut to the width of the screen: programs read them, too.
  const width = maxOf(rows.map(([place]) => place.length), 0);
  screen.out(rows.map(([place, name]) => `${place.padEnd(width)}  ${name}\n`).join(""));
  if (rows.length > 0 || exitCode !== HELD) return exitCode;
  screen.err(`error: ${noTestText(matches)}\n`);
  return nothingSelected(matches);
}

/** `dmalab tree diff OLD NEW SCENARIO`: the first event, line or outcome in which two trees' drivers differ. */
import { formatEventText } from "../../lang/render/event_line.ts";
import type { Program } from "../../lang/run/program.ts";
import { displayName } from "../../lang/run/report.ts";
import { runProgram } from "../../lang/run/run_program.ts";
import { formatCount } from "../../lang/text/numbers.ts";
import { type ExitCode, FAILED, HELD } from "../exit_code.ts";
import { loadScenario } from "../scenario/load_scenario.ts";
import type { Screen } from "../screen.ts";

/** Lines of both before the first one that differs. */
const CONTEXT = 3;

/** What one test did, in order. */
interface TestRun {
  readonly name: string;
  readonly lines: readonly string[];
  readonly failure: string | null;
}

/** @returns The code of the first scenario that differs or is wrong. */
export async function diffScenarios(
  paths: readonly string[],
  folders: readonly [string, string],
  screen: Screen,
): Promise<ExitCode> {
  const codes: ExitCode[] = [];
  for (const path of paths) codes.push(await diffScenario(path, folders, screen));
  return codes.find((code) => code !== HELD) ?? HELD;
}

async function diffScenario(
  path: string,
  folders: readonly [string, string],
  screen: Screen,
): Promise<ExitCode> {
  const runs: (readonly TestRun[])[] = [];
  for (const folder of folders) {
    const { exitCode, program } = await loadScenario(path, screen, folder);
    if (program === null) return exitCode;
    runs.push(testRuns(program));
  }
  const [old = [], changed = []] = runs;
  for (const [index, { lines, name }] of old.entries()) {
    const other = changed[index]?.lines ?? [];
    const at = lines.findIndex((line, index) => line !== other[index]);
    if (at < 0 && other.length === lines.length) continue;
    const first = at < 0 ? lines.length : at;
    screen.out(
      [
        `found | ${path} | ${name} | OLD and NEW differ`,
        "",
        ...lines.slice(Math.max(0, first - CONTEXT), first).map((line) => `      ${line}`),
        `  OLD ${lines[first] ?? "ends here"}`,
        `  NEW ${other[first] ?? "ends here"}`,
        "",
      ].join("\n"),
    );
    return FAILED;
  }
  for (const { failure, name } of old) {
    if (failure !== null) screen.out(`note: ${name} fails with both: ${failure}\n`);
  }
  const count = old.reduce((sum, { lines }) => sum + lines.length, 0);
  const what = `${formatCount(old.length, "test")}, ${
    formatCount(count, "event or line", "events and lines")
  }`;
  screen.out(`ok | ${path} | ${what} | no difference\n`);
  return HELD;
}

function testRuns(program: Program): readonly TestRun[] {
  const runs: TestRun[] = [];
  let lines: string[] = [];
  runProgram(program, {
    // Only what happens is compared, not why.
    heard: false,
    onEvent: (event) => lines.push(formatEventText(event)),
    onSideEvent: (event) => lines.push(formatEventText(event)),
    onLine: (text) => lines.push(text),
    onOutcome: (outcome) => {
      const { failure } = outcome;
      lines.push(failure === null ? "holds" : `fails: ${failure.message}`);
      runs.push({ name: displayName(outcome), lines, failure: failure?.message ?? null });
      lines = [];
    },
  });
  return runs;
}

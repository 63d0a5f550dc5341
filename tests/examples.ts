/**
 * Scenarios as tests of `deno test`: a test for each file, a step for each `test` block.
 *
 * Deno never runs a `.dma` file under `deno test` by itself, and would be green without having read
 * it; that is why finding no scenario, or none with a test, is a failure here.
 */
import { join, relative } from "@std/path";
import { HostLoader } from "../cli/host_loader.ts";
import { renderDiagnostics } from "../lang/diagnostics/render.ts";
import { loadProgram } from "../lang/language.ts";
import type { Program } from "../lang/run/program.ts";
import { displayName, type TestOutcome } from "../lang/run/report.ts";
import { runProgram, runTest } from "../lang/run/run_program.ts";
import { filesBelow, ROOT } from "./source_text.ts";

/**
 * An error that `deno test` prints as it stands: its message is one line, its stack that line and
 * the rendered diagnostic, without the frames of our harness.
 */
export class ScenarioError extends Error {
  constructor(message: string, lines: readonly string[]) {
    super(message);
    this.stack = [message, ...lines].join("\n");
  }
}

/** Every scenario below a folder of the project, from the root. */
export function scenariosBelow(folder: string): string[] {
  return filesBelow(join(ROOT, folder))
    .filter((path) => path.endsWith(".dma"))
    .map((path) => relative(ROOT, path).replaceAll("\\", "/"));
}

/** Reads and checks a scenario. @throws {ScenarioError} With everything that is wrong with it. */
export function loadExample(path: string): Program {
  const opened = HostLoader.open(join(ROOT, path));
  if (typeof opened === "string") throw new ScenarioError(opened, []);
  const { program, diagnostics } = loadProgram(opened.entry, opened.loader);
  if (program === null || diagnostics.length > 0) {
    throw new ScenarioError(`${path} is wrong`, renderDiagnostics(diagnostics).split("\n"));
  }
  return program;
}

/** Runs a scenario: its statements, then each test, as steps. */
export async function runExample(t: Deno.TestContext, path: string): Promise<void> {
  const program = loadExample(path);
  const tests = program.tests.filter(({ kind }) => kind !== "bench");
  if (tests.length === 0) throw new ScenarioError(`${path} has no test`, []);
  if (program.main !== null) {
    await t.step("(statements)", () => {
      for (const outcome of runProgram({ ...program, tests: [] }).outcomes) judge(outcome);
    });
  }
  const outcomes: TestOutcome[] = [];
  for (const test of tests) {
    const { line } = test.span.source.position(test.span.start);
    await t.step({
      name: `${displayName(test)} (line ${line})`,
      ignore: test.skip,
      fn: () => {
        const outcome = runTest(program, test);
        outcomes.push(outcome);
        judge(outcome);
      },
    });
  }
  const unreached = neverReached(outcomes);
  if (unreached.length > 0) {
    throw new ScenarioError("Expectations were never reached", unreached);
  }
}

function judge({ failure }: TestOutcome): void {
  if (failure !== null) throw new ScenarioError(failure.message, failure.lines);
}

/** Expectations of a test that none of its machines came to; those of failed tests do not count. */
function neverReached(outcomes: readonly TestOutcome[]): string[] {
  const byTest = [...Map.groupBy(outcomes, ({ place }) => place).values()];
  return byTest.flatMap(([first, ...others]) =>
    [first!, ...others].some(({ failure }) => failure !== null)
      ? []
      : first!.unreached.filter((place) => others.every((one) => one.unreached.includes(place)))
  );
}

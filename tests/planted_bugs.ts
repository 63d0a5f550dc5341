/**
 * The tests of a driver in C under `drivers/`: right as it is, and each bug that a patch plants in it
 * is found by the test, and in the words, that are said beforehand.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { loadPatched } from "../cli/c/patched.ts";
import { renderDiagnostics } from "../lang/diagnostics/render.ts";
import type { Program } from "../lang/run/program.ts";
import { runProgram } from "../lang/run/run_program.ts";
import { ROOT } from "./source_text.ts";

/** How a planted bug is found. */
export interface FoundBug {
  /** Part of the name of the tests that find it. */
  readonly by: string;
  readonly says: RegExp;
}

export interface PlantedDriver {
  /** Below the project; holds the scenario, the C file and `bugs/*.patch`. */
  readonly folder: string;
  readonly scenario: string;
  readonly cFile: string;
  /** Tests of the scenario. */
  readonly testCount: number;
  /** By the name of the patch, in the order of their names. */
  readonly found: Readonly<Record<string, FoundBug>>;
}

/** All that is said of the tests of a program whose names have a text in them; empty when they hold. */
function saidOf(program: Program, by: string): string {
  const { outcomes } = runProgram(program, { only: "tests", match: [by] });
  return outcomes.filter(({ failure }) => failure !== null).flatMap(({ failure, incidents }) => [
    `${failure!.code} ${failure!.message}`,
    ...failure!.lines,
    ...incidents.flatMap(({ kind, name, text }) => `${kind}[${name}] ${text}`),
  ]).join("\n");
}

/** All tests of a program hold, and there are so many. */
export function assertHolds(program: Program, testCount: number): void {
  const { outcomes } = runProgram(program, { only: "tests" });
  const failed = outcomes.filter(({ failure }) => failure !== null)
    .map(({ failure, name }) => `${name}: ${failure!.message}`);
  assertEquals({ failed, all: outcomes.length }, { failed: [], all: testCount });
}

/** The program of a scenario as it is. */
export async function loadDriver(path: string): Promise<Program> {
  const [loaded] = await loadPatched(join(ROOT, path), [null]);
  assert(loaded!.program !== null, renderDiagnostics(loaded!.diagnostics));
  return loaded!.program;
}

/** Tests a driver as it is and with each of its bugs, in a step each. */
export async function findPlanted(t: Deno.TestContext, driver: PlantedDriver): Promise<void> {
  const folder = join(ROOT, driver.folder);
  const names = [...Deno.readDirSync(join(folder, "bugs"))]
    .map(({ name }) => name.replace(/\.patch$/, "")).toSorted();
  assertEquals(names, Object.keys(driver.found));
  const patches = names.map((name) => ({
    file: driver.cFile,
    text: Deno.readTextFileSync(join(folder, "bugs", `${name}.patch`)),
  }));
  const loaded = await loadPatched(join(folder, driver.scenario), [null, ...patches]);
  const programs = loaded.map(({ diagnostics, program }) => {
    assert(program !== null, renderDiagnostics(diagnostics));
    return program;
  });
  await t.step("as it is", () => assertHolds(programs[0]!, driver.testCount));
  for (const [index, name] of names.entries()) {
    await t.step(name, () => {
      const { by, says } = driver.found[name]!;
      assertMatch(saidOf(programs[index + 1]!, by), says);
    });
  }
}

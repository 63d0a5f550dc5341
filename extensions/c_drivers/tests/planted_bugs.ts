/**
 * Tests of the drivers in C under `extensions/c_drivers/drivers/`. The unchanged driver passes. If a patch plants a bug
 * in it, the expected test finds the bug with the expected message.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { type OpenedScenario, openPatched } from "../compiler/patched.ts";
import type { LoadResult, Program, RunOptions } from "@dmalab/lang/run";
import { runProgram } from "@dmalab/lang/program";
import { SourceFile } from "@dmalab/lang";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { loadOpened, programOf } from "./c_together.ts";
import { ROOT } from "@dmalab/tests";

export interface FoundBug {
  /** Part of the name of the tests that find the bug. */
  readonly by: string;
  readonly says: RegExp;
}

export interface PlantedDriver {
  /** Folder, from the project's root, with the scenario, the C file and `bugs/*.patch`. */
  readonly folder: string;
  readonly scenario: string;
  readonly cFile: string;
  readonly testCount: number;
  /** Expected results by the patch's name, sorted by name. */
  readonly found: Readonly<Record<string, FoundBug>>;
  /**
   * Bugs that the short test suite plants: one bug that the checker reports, one leak and one wrong
   * access.
   */
  readonly witnesses: readonly string[];
}

/**
 * Options that omit the search for known defects behind a failure: here each failure is the
 * driver's own. The step limit is for an endless loop: it is a tenth of the default, and no other
 * test comes near it.
 */
const PLANTED: RunOptions = {
  only: "tests",
  attributeDefects: false,
  limits: { ...DEFAULT_LIMITS, steps: DEFAULT_LIMITS.steps / 10 },
};

/**
 * All messages of the failing tests with a given text in their names; empty if all of these tests
 * pass.
 */
function saidOf(program: Program, by: string): string {
  const { outcomes } = runProgram(program, { ...PLANTED, match: [by] });
  return outcomes.filter(({ failure }) => failure !== null).flatMap(({ failure, incidents }) => [
    `${failure!.code} ${failure!.message}`,
    ...failure!.lines,
    ...incidents.flatMap(({ kind, name, text }) => `${kind}[${name}] ${text}`),
  ]).join("\n");
}

/** Asserts that all tests of a program pass, and that their number is right. */
export function assertHolds(program: Program, testCount: number): void {
  const { outcomes } = runProgram(program, { only: "tests", attributeDefects: false });
  const failed = outcomes.filter(({ failure }) => failure !== null)
    .map(({ failure, name }) => `${name}: ${failure!.message}`);
  assertEquals({ failed, all: outcomes.length }, { failed: [], all: testCount });
}

/**
 * Opens a scenario and reduces one of its constants from ten thousand to a hundred.
 *
 * @param constant The name of the constant.
 */
export function openFew(path: string, constant: string): OpenedScenario {
  const [{ entry: { name, text }, loader }] = openPatched(join(ROOT, path), [null]) as [
    OpenedScenario,
  ];
  const few = text.replace(`const ${constant} = 10_000`, `const ${constant} = 100`);
  assert(few !== text);
  return { entry: new SourceFile(name, few), loader };
}

/** A driver, loaded unchanged and with some of its bugs. */
export interface LoadedDriver {
  readonly driver: PlantedDriver;
  readonly size: "short" | "rest";
  readonly bugs: readonly string[];
  /** Results for the unchanged driver, and then for each bug in `bugs`. */
  readonly loaded: readonly LoadResult[];
}

/**
 * Loads a driver with its bugs.
 *
 * @param size `short` loads the unchanged driver and the bugs in `witnesses`; a test that has
 *   several modes then tests the unchanged driver only in strict mode. `rest` loads the other bugs,
 *   and the unchanged driver in every mode.
 */
export async function loadPlanted(
  driver: PlantedDriver,
  size: "short" | "rest",
): Promise<LoadedDriver> {
  const folder = join(ROOT, driver.folder);
  const names = [...Deno.readDirSync(join(folder, "bugs"))]
    .map(({ name }) => name.replace(/\.patch$/, "")).toSorted();
  assertEquals(names, Object.keys(driver.found));
  const bugs = names.filter((name) => driver.witnesses.includes(name) === (size === "short"));
  const patches = bugs.map((name) => ({
    file: driver.cFile,
    text: Deno.readTextFileSync(join(folder, "bugs", `${name}.patch`)),
  }));
  const opened = openPatched(join(folder, driver.scenario), [null, ...patches]);
  return { driver, size, bugs, loaded: await loadOpened(opened) };
}

/** Tests a driver with each of its bugs, in one test step each. */
export async function findPlanted(
  t: Deno.TestContext,
  { bugs, driver, loaded, size }: LoadedDriver,
): Promise<void> {
  const [intact, ...programs] = loaded.map(programOf);
  await t.step("as it is", () => {
    if (size === "rest") return assertHolds(intact!, driver.testCount);
    const tests = intact!.tests.filter(({ combination }) => /^$|strict/.test(combination));
    assertHolds({ ...intact!, tests }, tests.length);
  });
  for (const [index, name] of bugs.entries()) {
    await t.step(name, () => {
      const { by, says } = driver.found[name]!;
      assertMatch(saidOf(programs[index]!, by), says);
    });
  }
}

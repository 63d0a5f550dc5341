/**
 * `dmalab tree diff OLD NEW SCENARIO`: finds the first event, line or outcome in which the drivers of two trees
 * differ.
 */
import { kernelOf, KERNELS, TreeError, type TreeVersion, versionOf } from "@dmalab/runtime/kernels";
import { loadProgramOn } from "@dmalab/lang";
import { formatEventText } from "@dmalab/lang/render";
import { displayName, type Program, type RunOptions, type TestOutcome } from "@dmalab/lang/run";
import { runProgram } from "@dmalab/lang/program";
import { formatAddress, formatCount } from "@dmalab/lang/text";
import type { RegisterWatcher } from "@dmalab/lang/values";
import { currentFolder, HostLoader, HostTree, withCompiled } from "@dmalab/cli";
import { basename, refuse, type Screen, shortPath } from "@dmalab/cli/extend";
import type { MachineEvent } from "@dmalab/runtime";
import { refuseWith } from "./run_tree.ts";
import { codeOfProblems, type ExitCode, FAILED, HELD, worseExitCode } from "@dmalab/cli/exit_code";
import { printDiagnostics } from "@dmalab/cli/presentation";

/**
 * Line numbers after the name of a C file. They are removed, because a patch changes the numbers of
 * the lines after its changes.
 */
const LINE_NUMBERS = /(\.[ch]):\d+(?::\d+)?/g;
/** First words of the line for a driver's store to a device's register. */
export const REGISTER_WRITE = "register write";
/** Number of common lines that are shown before the first difference. */
const CONTEXT = 3;

/** The text without the line numbers of places in C files. */
export function withoutLineNumbers(text: string): string {
  return text.replace(LINE_NUMBERS, "$1");
}

/**
 * Number of lines for an assertion that compares bytes: the count of differing bytes, one row of bytes
 * from each side, and the marks below these rows.
 */
const COMPARED_LINES = 4;
/** Number of these lines in a text of one line, which has no marks. */
const INLINE_LINES = 3;
const BYTES_DIFFER = /^\s*[\d_]+ bytes? of [\d_]+ differ/;

/** The failed assertion with its place and values; `wrong data: …` for a comparison of bytes. */
export function assertionLines(
  { message, notes, place, values }: NonNullable<TestOutcome["failure"]>,
): readonly string[] {
  const at = notes.findIndex((note) => BYTES_DIFFER.test(note));
  const name = basename(place);
  if (at < 0) {
    const parts = values.map(({ part, text }) => `${part} is ${text}`).join(", ");
    return [`${message} at ${name}${parts === "" ? "" : `: ${parts}`}`];
  }
  const [first = "", ...rows] = notes.slice(at, at + COMPARED_LINES);
  return [`wrong data: ${first.trim()} at ${name}`, ...rows];
}

/** Error code of a failed assertion. */
export const ASSERTION = "E0901";

function outcomeText({ failure }: TestOutcome): string {
  if (failure === null) return "holds";
  const said = failure.code === ASSERTION ? assertionLines(failure) : [failure.message];
  return `fails: ${said.slice(0, INLINE_LINES).map((line) => line.trim()).join("; ")}`;
}

/** The actions of one test, in order. */
export interface ComparedTestRun {
  readonly name: string;
  /** Events, printed lines and the outcome as text, in the form in which they are compared. */
  readonly lines: readonly string[];
  /** The event of each line; null for a printed line and for the outcome. */
  readonly events: readonly (MachineEvent | null)[];
  readonly outcome: TestOutcome;
}

/** @returns The exit code of the first scenario that differs or has errors. */
export async function diffScenarios(
  paths: readonly string[],
  folders: readonly [string, string],
  screen: Screen,
): Promise<ExitCode> {
  try {
    const [old, changed] = folders.map((folder) => openTree(new HostTree(folder))) as [Tree, Tree];
    const codes: ExitCode[] = [];
    for (const path of paths) {
      const code = await diffScenario(path, [old, changed], screen);
      if (code !== null) codes.push(code);
    }
    if (codes.length === 0) {
      const problem = "Nothing was compared: no scenario has a driver that is compiled with a tree";
      return refuseWith(
        problem,
        'give it settings: driver d = c "PATH" { tree = "../linux" }',
        screen,
      );
    }
    return codes.reduce(worseExitCode, HELD);
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    return refuseWith(error.message, error.hint, screen);
  }
}

export interface Tree {
  readonly files: HostTree;
  readonly version: TreeVersion;
}

export function openTree(files: HostTree): Tree {
  return { files, version: versionOf(files) };
}

/** @returns The exit code; null for a scenario without a driver from a tree. */
async function diffScenario(
  path: string,
  trees: readonly [Tree, Tree],
  screen: Screen,
): Promise<ExitCode | null> {
  const runs: (readonly ComparedTestRun[])[] = [];
  for (const tree of trees) {
    const made = await runWithTree(path, tree, screen);
    if (made === null) {
      screen.out(`skipped | ${path} | it has no driver that is compiled with a tree\n`);
      return null;
    }
    if (typeof made === "number") return made;
    runs.push(made.tests);
  }
  const names = trees.map(({ version }) => version.name);
  const [old = [], changed = []] = runs;
  const difference = firstDifference(old, changed);
  if (difference !== null) {
    const { at, name, lines, other } = difference;
    screen.out(
      [
        `found | ${path} | ${name} | OLD (${names[0]}) and NEW (${names[1]}) differ`,
        "",
        ...lines.slice(Math.max(0, at - CONTEXT), at).map((line) => `      ${line}`),
        `  OLD ${lines[at] ?? "ends here"}`,
        `  NEW ${other[at] ?? "ends here"}`,
        "",
      ].join("\n"),
    );
    return FAILED;
  }
  for (const { name, outcome: { failure } } of old) {
    if (failure !== null) screen.out(`note: ${name} fails with both trees: ${failure.message}\n`);
  }
  const count = old.reduce((sum, { lines }) => sum + lines.length, 0);
  const what = `${formatCount(old.length, "test")}, ${
    formatCount(count, "event or line", "events and lines")
  }`;
  screen.out(`ok | ${path} | ${names.join(", ")} | ${what} | no difference\n`);
  return HELD;
}

/** A scenario that ran with the drivers of one tree. */
interface TreeRun {
  readonly program: Program;
  readonly tests: readonly ComparedTestRun[];
}

/**
 * @returns The run, or the exit code if the scenario has errors; null if it has no driver from a
 *   tree.
 */
export async function runWithTree(
  path: string,
  tree: Tree,
  screen: Screen,
): Promise<TreeRun | ExitCode | null> {
  const program = await loadWithTree(path, tree, screen);
  if (program === null) return null;
  return isRefused(program) ? program.code : { program, tests: testRuns(program, tree) };
}

/** A scenario that cannot run. */
export interface Refused {
  readonly code: ExitCode;
  /**
   * Why a scenario was not loaded: errors in its C code; C code that was not compiled, for example because the
   * compiler was stopped; or errors in the scenario itself.
   */
  readonly wrong: "C" | "compiling" | "scenario";
}

export function isRefused(loaded: object): loaded is Refused {
  return "wrong" in loaded;
}

/**
 * Loads a scenario with the drivers of a tree.
 * @returns The program, or the reason why it cannot run; null if it has no driver from a tree.
 */
export async function loadWithTree(
  path: string,
  tree: Tree,
  screen: Screen,
): Promise<Program | Refused | null> {
  const opened = openWithTree(path, tree);
  if (typeof opened === "string") {
    return { code: refuse(opened, screen), wrong: "scenario" };
  }
  const { load, loader } = opened;
  const { diagnostics, program } = await withCompiled(loader, load);
  if (program !== null && loader.trees.size === 0) return null;
  printDiagnostics(diagnostics, screen);
  if (program !== null) return program;
  const has = (...wanted: readonly string[]) =>
    diagnostics.some(({ code }) => wanted.includes(code));
  return {
    code: codeOfProblems(diagnostics),
    wrong: has("E0711") ? "C" : has("E0710", "E0713", "E0714") ? "compiling" : "scenario",
  };
}

/**
 * Opens a scenario for the release of a tree, without compiling. If it cannot be read, returns the
 * reason.
 */
export function openWithTree(path: string, { files, version }: Tree) {
  const opened = HostLoader.open(path, files);
  if (typeof opened === "string") return opened;
  const { entry, loader } = opened;
  const kernel = kernelOf(version);
  const on = { kernel, as: KERNELS[kernel] };
  return { loader, load: () => loadProgramOn(on, entry, loader) };
}

/** The first test with a difference; `at` is the index of its first different line. */
export function firstDifference(
  old: readonly ComparedTestRun[],
  changed: readonly ComparedTestRun[],
) {
  for (const [index, { lines, name }] of old.entries()) {
    const other = changed[index]?.lines ?? [];
    const at = differsAt(lines, other);
    if (at >= 0) return { name, lines, other, at };
  }
  return null;
}

/** The first index at which two lists differ; -1 for equal lists. */
export function differsAt(one: readonly unknown[], other: readonly unknown[]): number {
  const at = one.findIndex((each, index) => each !== other[index]);
  return at < 0 && one.length < other.length ? one.length : at;
}

/**
 * The folder of a tree, in the form in which printed places of the tree's files begin. It is
 * removed from printed lines, because it differs between trees.
 */
export function shownFolder({ files }: Tree): string {
  return `${shortPath(files.root, currentFolder())}/`;
}

/** Runs a program with the drivers of a tree. @param options Selects the tests. */
export function testRuns(
  program: Program,
  tree: Tree,
  options: Pick<RunOptions, "only" | "select"> = {},
): readonly ComparedTestRun[] {
  const folder = shownFolder(tree);
  const runs: ComparedTestRun[] = [];
  let [lines, events]: [string[], (MachineEvent | null)[]] = [[], []];
  const add = (line: string, event: MachineEvent | null = null) => {
    lines.push(withoutLineNumbers(line.replaceAll(folder, "")));
    events.push(event);
  };
  // Stores to registers are compared as well, because the device reacts to them, and most stores
  // have no event.
  const watch = (watcher: RegisterWatcher | null) =>
    [...program.registry.cModules?.() ?? []].forEach((module) => module.watchRegisters(watcher));
  watch((phys, sizeBytes, value, high) => {
    const words = sizeBytes === 8 ? [high, value] : [value];
    const digits = words.map((word) => word.toString(16).padStart(8, "0")).join("_");
    add(`${REGISTER_WRITE} ${formatAddress(phys)} ${sizeBytes}B 0x${digits}`);
  });
  runProgram(program, {
    ...options,
    // Only what happens is compared, not why.
    attributeDefects: false,
    onEvent: (event) => add(formatEventText(event), event),
    onChildEvent: (event) => add(formatEventText(event), event),
    onLine: (line) => add(line),
    onOutcome: (outcome) => {
      add(outcomeText(outcome));
      runs.push({ name: displayName(outcome), lines, events, outcome });
      [lines, events] = [[], []];
    },
  });
  watch(null);
  return runs;
}

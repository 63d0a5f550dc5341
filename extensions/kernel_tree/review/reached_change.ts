/** What a change touches, and which runs may differ by it. */
import type { Tree } from "../diff_scenario.ts";
import { isSettings } from "./changed_kinds.ts";
import {
  type ChangedFile,
  type FunctionLines,
  functionOfLines,
  functionsIn,
  withoutComments,
} from "./changed_lines.ts";
import type { KeptTest, ScenarioRuns } from "./kept_runs.ts";

/** The trees before and after a change. */
export interface TreePair {
  readonly old: Tree;
  readonly new: Tree;
}

/** A change, as far as it decides which tests are compared. */
export interface Change {
  readonly trees: TreePair;
  /** The changed C files and build settings. */
  readonly files: readonly ChangedFile[];
  readonly functions: ChangedFunctions;
}

export function changeOf(
  { new: changed, old }: TreePair,
  files: readonly ChangedFile[],
): Change {
  const trees = { old, new: changed };
  return { trees, files, functions: changedFunctions(trees, files) };
}

/** Whether a test of a scenario may differ by the change. */
export function mayDiffer(
  [old, changed]: readonly [ScenarioRuns, ScenarioRuns],
  { files, trees }: Change,
): boolean {
  if (!mayReach(old.code, trees.old, files)) return false;
  // The changed settings have not changed the compiled code.
  return !files.every(isSettings) || old.key !== changed.key;
}

/** Whether a file may affect any other file: a header, or a build setting. */
export function isHeader({ path }: ChangedFile): boolean {
  return !path.endsWith(".c");
}

/**
 * Whether compiled code may contain code of the changed files. Code of a changed header or of a new
 * file may be contained in any compiled file.
 */
function mayReach(
  code: ScenarioRuns["code"],
  tree: Tree,
  files: readonly ChangedFile[],
): boolean {
  return files.some((file) =>
    code.has(file.path) || isHeader(file) || tree.files.text(file.path) === null
  );
}

/** The functions of the old tree that a change touches; null if the change may affect any function. */
export type ChangedFunctions = readonly (FunctionLines & { readonly path: string })[] | null;

/**
 * The functions of the old tree that a change touches. Null for a change of a header, a macro, data
 * or a new file, because such a change may affect any function.
 */
function changedFunctions(step: TreePair, files: readonly ChangedFile[]): ChangedFunctions {
  const found: (FunctionLines & { readonly path: string })[] = [];
  for (const file of files) {
    const texts = [step.old, step.new].map((tree) => tree.files.text(file.path));
    if (isHeader(file) || texts.includes(null)) return null;
    const codes = texts.map((text) => withoutComments(text!).split("\n"));
    const names = new Set<string>();
    for (const [side, code] of codes.entries()) {
      const functions = functionOfLines(functionsIn(code));
      for (const line of side === 0 ? file.removed : file.added) {
        const own = functions.get(line);
        if (own !== undefined) names.add(own.name);
        else if (code[line - 1]?.trim() !== "") return null;
      }
    }
    for (const each of functionsIn(codes[0]!)) {
      if (names.has(each.name)) found.push({ ...each, path: file.path });
    }
  }
  return found;
}

/**
 * Whether a test has run a changed function. A function without executable lines counts as run,
 * because it may be inlined in another function.
 */
export function reaches(
  ran: KeptTest["ran"],
  code: ScenarioRuns["code"],
  changes: ChangedFunctions,
): boolean {
  return changes === null || changes.some(({ begin, end, path }) => {
    const isInside = (line: number) => line >= begin - 1 && line <= end;
    return (ran[path] ?? []).some(isInside) || code.get(path)?.some(isInside) === false;
  });
}

/** The job that runs a scenario's tests before a review compares them. It puts the runs into the cache. */
import type { NameMatch } from "@dmalab/lang/run";
import { HostTree } from "@dmalab/cli";
import type { NumberedJob } from "@dmalab/cli/extend";
import { openTree, type Tree } from "../diff_scenario.ts";
import type { ChangedFile } from "./changed_lines.ts";
import { type ScenarioRuns, testsOf } from "./kept_runs.ts";
import { type PatchedFiles, PatchedTree } from "./patched_tree.ts";
import { type Change, type ChangedFunctions, mayDiffer, reaches } from "./reached_change.ts";
import { isNotRun, TreeRuns } from "./tree_runs.ts";

/** A tree as it can be posted: its folder, and the files that replace files of the folder. */
interface TreeWords {
  readonly root: string;
  /** Null for the folder itself. */
  readonly patched: PatchedFiles | null;
}

export interface ChangeWords {
  readonly old: TreeWords;
  readonly new: TreeWords;
  readonly files: readonly ChangedFile[];
  readonly functions: ChangedFunctions;
}

export interface AheadJob extends NumberedJob {
  readonly kind: "review";
  /** Path of the scenario. */
  readonly path: string;
  /** Number of the change in its review. */
  readonly step: number;
  readonly change: ChangeWords;
  readonly matches: readonly NameMatch[];
}

export interface AheadMessage {
  readonly kind: "end";
  /** Whether a limit stopped a test with the new tree but not with the old one. */
  readonly reachedLimit: boolean;
}

export function changeInWords({ files, functions, trees }: Change): ChangeWords {
  return { old: treeInWords(trees.old), new: treeInWords(trees.new), files, functions };
}

function treeInWords({ files }: Tree): TreeWords {
  return { root: files.root, patched: files instanceof PatchedTree ? files.patched : null };
}

function treeOf({ patched, root }: TreeWords): Tree {
  return openTree(patched === null ? new HostTree(root) : new PatchedTree(root, patched));
}

/** In a worker, returns the runner of the jobs. The trees of a change are opened once. */
export function openAhead() {
  const runs = new TreeRuns(() => {});
  let opened: { readonly step: number; readonly change: Change } | null = null;
  return {
    async run(job: AheadJob, send: (message: AheadMessage) => void) {
      const { change: words, matches, path, step } = job;
      // Each posted job has its own copy of the change.
      if (opened?.step !== step) {
        const { files, functions } = words;
        const trees = { old: treeOf(words.old), new: treeOf(words.new) };
        opened = { step, change: { trees, files, functions } };
      }
      const { both, reachedLimit } = await runAhead(path, opened.change, matches, runs);
      for (const each of both) await each.keep(true);
      send({ kind: "end", reachedLimit });
    },
  };
}

/** What was run ahead: the runs with both trees, none if the scenario does not run. */
export interface RanAhead {
  readonly both: readonly ScenarioRuns[];
  readonly reachedLimit: boolean;
}

/** Runs the tests of a scenario that may differ by a change, with both trees. */
export async function runAhead(
  path: string,
  change: Change,
  matches: readonly NameMatch[],
  runs: TreeRuns,
): Promise<RanAhead> {
  const { functions, trees } = change;
  const old = await runs.of(path, trees.old);
  const changed = await runs.of(path, trees.new);
  if (isNotRun(old) || isNotRun(changed)) return { both: [], reachedLimit: false };
  const both = [old, changed] as const;
  for (const test of mayDiffer(both, change) ? testsOf(old.program, matches) : []) {
    if (old.known(test) === null) old.run(test);
    const { outcome, ran } = old.known(test)!;
    if (!reaches(ran, old.code, functions)) continue;
    if (changed.known(test) === null) changed.run(test);
    // Each further test could reach the limit, too, which takes long.
    if (!outcome.isLimit && changed.known(test)!.outcome.isLimit) {
      return { both, reachedLimit: true };
    }
  }
  return { both, reachedLimit: false };
}

/** The job that compares one part of a tree's mapping code. */
import { TreeError } from "@dmalab/runtime/kernels";
import { TreeBuild, TreeCompiler } from "@dmalab/c_drivers";
import { HostTree } from "@dmalab/cli";
import type { NumberedJob } from "@dmalab/cli/extend";
import type { Compared } from "./oracle/compare.ts";
import { type Cases, ORACLES } from "./oracles.ts";

export interface OracleJob extends NumberedJob {
  readonly kind: "tree_oracle";
  /** Path of the first tested file. */
  readonly path: string;
  /** A tree to compare with the model; or two trees. */
  readonly folders: readonly [string] | readonly [string, string];
  readonly cases: Cases;
}

/** The result of a job, or the reason why the comparison did not run. */
export type OracleEnd =
  | { readonly compared: Compared<unknown> }
  /** A file or function that a tree does not have. */
  | { readonly lacking: string }
  | { readonly problem: string; readonly hint: string };

export type OracleMessage = { readonly kind: "end" } & OracleEnd;

/** The trees of a comparison, and the compiler of this thread. */
export interface OpenedTrees {
  readonly one: TreeBuild;
  /** Null to compare with the model. */
  readonly other: TreeBuild | null;
  readonly clang: TreeCompiler;
}

/** @throws {TreeError} */
export function openTrees(folders: OracleJob["folders"]): OpenedTrees {
  const trees = folders.map((folder) => new HostTree(folder));
  const clang = new TreeCompiler();
  const [one, other = null] = trees.map((tree) => new TreeBuild(tree, clang));
  return { one: one!, other, clang };
}

/** In a worker, opens the trees. Returns the runner of the jobs. */
export function openOracles({ folders }: OracleJob) {
  const opened = openTrees(folders);
  return {
    run: async (job: OracleJob, send: (message: OracleMessage) => void) =>
      send({ kind: "end", ...await compareOracle(job, opened) }),
  };
}

export async function compareOracle(
  { cases, path }: OracleJob,
  { one, other }: OpenedTrees,
): Promise<OracleEnd> {
  const oracle = ORACLES.find(({ paths }) => paths[0] === path)!;
  const [lacking] = [one, other].flatMap((build) => build === null ? [] : oracle.lacking(build));
  if (lacking !== undefined) return { lacking };
  try {
    return { compared: await oracle.compare(one, other, cases) };
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    return { problem: error.message, hint: error.hint };
  }
}

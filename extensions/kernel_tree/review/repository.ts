/** The git repository of a tree. Its objects and index are read, its configuration is not. */
import { TreeError } from "@dmalab/runtime/kernels";
import { printable } from "@dmalab/lang/diagnostics";
import { host, readHostBytes, writeFile } from "@dmalab/cli";
import { COMMA_IN_PATH, isInside, readPermission, resolve } from "@dmalab/cli/extend";
import { Git } from "./git.ts";

export interface TreeRepository {
  /** Git with a separate repository and configuration. */
  readonly git: Git;
  /**
   * Environment variables that add the tree's objects and its working tree to the separate
   * repository.
   */
  readonly variables: Readonly<Record<string, string>>;
  /** Object names of commits; excluded ones begin with `^`. */
  readonly revisions: readonly string[];
  /** The file with the commits at which a shallow history ends; null for a complete history. */
  readonly shallow: string | null;
}

/** Limit of the index's size. The index of a kernel tree lists 80,000 files. */
const MOST_INDEX_BYTES = 2 ** 27;

/**
 * Finds the repository around a folder, and resolves a range of its commits.
 *
 * Git resolves names with the tree's own repository, because `rev-parse` and `worktree list` start no program
 * that the repository's configuration names. All other work is done with a separate repository.
 *
 * @throws {TreeError}
 */
export async function findRepository(
  root: string,
  range: string,
  work: string,
): Promise<TreeRepository> {
  const asked = new Git(`${work}/asked`);
  const its = { folder: root, variables: { GIT_DIR: null, GIT_WORK_TREE: null } };
  const ask = async (args: readonly string[]) => {
    const { code, errors, output } = await asked.run(args, { ...its, codes: [0, 1, 128, 129] });
    const text = new TextDecoder().decode(output);
    if (code === 0) return text.replace(/\n$/, "");
    throw noRange(range, errors.trim().split("\n")[0]!.replace(/^(?:fatal|error): /, ""));
  };
  const place = async (...args: string[]) => resolve(root, await ask(["rev-parse", ...args]));
  const top = realPath(await place("--show-toplevel"));
  if (top === null || !isInside(root, top)) {
    throw noRange(range, "the tree is no part of its repository's working tree");
  }
  if (!isInside(realPath(await place("--absolute-git-dir")) ?? "/", top)) {
    // If the repository is elsewhere, it must list this folder as one of its working trees.
    const known = await ask(["worktree", "list", "--porcelain", "-z"]);
    if (!known.split("\0").includes(`worktree ${top}`)) {
      throw noRange(range, "the tree's repository lies elsewhere, and does not name the tree");
    }
  }
  if (range.startsWith("-")) throw noRange(range, "it begins with -");
  const revisions = (await ask(["rev-parse", "--revs-only", range, "--"])).split("\n");
  if (!revisions.every((each) => /^\^?(?:[\da-f]{40}|[\da-f]{64})$/.test(each))) {
    throw noRange(range, "it is no range");
  }
  const git = new Git(`${work}/own`, revisions[0]!.replace("^", "").length);
  const variables = {
    GIT_OBJECT_DIRECTORY: await place("--git-path", "objects"),
    GIT_WORK_TREE: top,
  };
  const index = readHostBytes(await place("--git-path", "index"), { mostBytes: MOST_INDEX_BYTES });
  if (index.found) writeFile(git.index, index.bytes);
  // Without the index, git has no times of the files, and reads all of them.
  else await git.run(["read-tree", revisions[0]!.replace("^", "")], { variables });
  const isShallow = await ask(["rev-parse", "--is-shallow-repository"]) === "true";
  const shallow = isShallow ? await place("--git-path", "shallow") : null;
  return { git, variables, revisions, shallow };
}

/** @throws {TreeError} If the path may not be read. */
function realPath(path: string): string | null {
  try {
    return host.realPathSync(path);
  } catch (error) {
    if (!(error instanceof host.errors.NotCapable)) return null;
    const permission = readPermission([path]);
    throw new TreeError(
      `Cannot read "${path}": reading it is not permitted`,
      permission === null ? COMMA_IN_PATH : `start with \`${permission}\``,
    );
  }
}

export function noRange(range: string, why: string): TreeError {
  return new TreeError(
    `Cannot review "${printable(range)}": ${why}`,
    "give a range of commits of the tree's repository, `BASE..HEAD`",
  );
}

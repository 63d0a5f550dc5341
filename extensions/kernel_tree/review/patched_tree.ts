/**
 * A kernel tree with a change applied in memory: files from a patch or a commit replace the files
 * of the tree's folder.
 */
import { TreeError } from "@dmalab/runtime/kernels";
import { printable } from "@dmalab/lang/diagnostics";
import { host, HostTree } from "@dmalab/cli";
import { dirname, isInside } from "@dmalab/cli/extend";
import { type GitEntry, LINK_MODE } from "./git.ts";

/**
 * A changed file: its entry in git, and its content. For a symbolic link, the content is the link's
 * target.
 */
export interface PatchedFile {
  readonly entry: GitEntry;
  readonly text: string;
}

/** Changed files by their paths in the tree; null for a deleted file. */
export type PatchedFiles = ReadonlyMap<string, PatchedFile | null>;

/** Number of symbolic links that are followed; a kernel follows 40. */
const MOST_LINKS = 40;

export class PatchedTree extends HostTree {
  constructor(folder: string, readonly patched: PatchedFiles) {
    super(folder);
  }

  protected override fileText(path: string, ending: string): string | null {
    // The constructor of HostTree reads the Makefile before `patched` is set.
    return this.patched === undefined
      ? super.fileText(path, ending)
      : this.#textAt(path, ending, MOST_LINKS);
  }

  #textAt(path: string, ending: string, links: number): string | null {
    if (links === 0) return null;
    const file = this.patched.get(path);
    if (file === null) return null;
    if (file !== undefined) {
      if (file.entry.mode !== LINK_MODE) return file.text;
      const target = linkedPath(path, file.text);
      return target === null ? null : this.#textAt(target, ending, links - 1);
    }
    // A link in the folder can lead to a changed file.
    const real = realPathOf(`${this.root}/${path}`);
    const inside = real !== null && isInside(real, this.root)
      ? real.slice(this.root.length + 1)
      : path;
    return inside === path ? super.fileText(path, ending) : this.#textAt(inside, ending, links - 1);
  }

  override entries(folder: string) {
    const names = new Map(super.entries(folder).map((entry) => [entry.name, entry]));
    for (const [path, file] of this.patched) {
      if (!path.startsWith(`${folder}/`)) continue;
      const [name = "", ...below] = path.slice(folder.length + 1).split("/");
      if (file !== null) names.set(name, { name, isFolder: below.length > 0 });
      else if (below.length === 0) names.delete(name);
    }
    return [...names.values()].toSorted((a, b) => a.name < b.name ? -1 : 1);
  }
}

function realPathOf(path: string): string | null {
  try {
    return host.realPathSync(path);
  } catch {
    return null;
  }
}

/** The target of a link, as a path in the tree; null for a link that leads out of the tree. */
function linkedPath(path: string, target: string): string | null {
  if (target.startsWith("/")) return null;
  const parts = dirname(`./${path}`).split("/");
  for (const part of target.split("/")) {
    if (part === "..") {
      if (parts.length <= 1) return null;
      parts.pop();
    } else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.slice(1).join("/");
}

/**
 * Matches paths that are refused. No file of a kernel has such a path, and `..` or an empty part could
 * lead out of the tree.
 */
// deno-lint-ignore no-control-regex
const REFUSED_NAME = /["\\\x00-\x1f\x7f]|^\/|(?:^|\/)(?:\.{0,2}|\.git)(?:\/|$)/i;

/** @throws {TreeError} If a path in a change cannot be the path of a file in a kernel tree. */
export function checkPath(path: string): void {
  if (!REFUSED_NAME.test(path)) return;
  const isOutside = /^\/|(?:^|\/)\.\.(?:\/|$)/.test(path);
  throw new TreeError(
    `The change names "${printable(path)}", which is ${
      isOutside ? "outside of the tree" : "no name of a file in a kernel tree"
    }`,
    "give a patch of the kernel tree, as `git format-patch` writes it",
  );
}

/**
 * Checks the folders on the path of a changed file: after the change, all of them must be real folders
 * of the tree.
 *
 * @throws {TreeError} If one of them is a symbolic link or a file.
 */
export function checkFolders(root: string, patched: PatchedFiles, path: string): void {
  const parts = path.split("/");
  for (let count = 1; count < parts.length; count++) {
    const folder = parts.slice(0, count).join("/");
    const file = patched.get(folder);
    const info = file === undefined ? infoOf(`${root}/${folder}`) : null;
    const isLink = file?.entry.mode === LINK_MODE || info?.isSymlink === true;
    if (!isLink && (file ?? null) === null && (info === null || info.isDirectory)) continue;
    throw new TreeError(
      `The change names "${printable(path)}", which is behind ${
        isLink ? "the symbolic link" : "the file"
      } "${printable(folder)}"`,
      "git applies no patch there, either",
    );
  }
}

/** Information about a path, without following links; null if it does not exist. @throws {TreeError} */
export function infoOf(path: string): Deno.FileInfo | null {
  try {
    return host.lstatSync(path);
  } catch (error) {
    if (error instanceof host.errors.NotFound || error instanceof host.errors.NotADirectory) {
      return null;
    }
    throw new TreeError(
      `Cannot read "${printable(path)}": ${error instanceof Error ? error.message : String(error)}`,
      "see that the files and folders named can be read",
    );
  }
}

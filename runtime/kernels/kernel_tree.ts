/**
 * A kernel tree as the compiler reads it: files by their path from the root, and nothing outside
 * the tree.
 */
import type { KernelProfile } from "./behaviours.ts";
import { type KernelName, kernelNamed } from "./kernels.ts";

/** Reads a tree; the host's part is in `extensions/c_drivers/compiler/`. */
export interface TreeFiles {
  /** A file's text; null for a missing or unreadable file. */
  text(path: string): string | null;
}

export interface TreeFolders extends TreeFiles {
  /** Names in a folder, sorted; none where there is no such folder. */
  entries(folder: string): readonly { readonly name: string; readonly isFolder: boolean }[];
}

/** The version of a tree, read from its Makefile. */
export interface TreeVersion {
  readonly major: number;
  readonly patch: number;
  readonly sub: number;
  /** The name in the form of a release: "7.2.13". */
  readonly name: string;
}

/** Name of the folder of an out-of-tree module, inside the tree with which the module is compiled. */
export const MODULE_FOLDER = "module";

/** A path with `.` and `..` resolved. */
export function treePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

/**
 * Versions of trees that dmalab has compiled and run code from; other releases are modelled only.
 */
const TREE_VERSIONS = ["6.12", "7.2", "7.3"] as const satisfies readonly KernelName[];

/** Hint for a tree that uses something dmalab does not support. */
export const KNOWN_TREES = `dmalab supports trees of Linux ${
  TREE_VERSIONS.slice(0, -1).join(", ")
} and ${TREE_VERSIONS.at(-1)}`;

/** Nested conditions in Kconfig files and makefiles, as the message of `checkMost` names them. */
export const NESTED = "conditions within each other";

/** The reason why a tree cannot be used, as a sentence without a final period. */
export class TreeError extends Error {
  constructor(message: string, readonly hint: string = KNOWN_TREES) {
    super(message);
  }
}

/**
 * Refuses a tree that exceeds a limit of the reader, because a result could change if files were
 * left out.
 *
 * @param what The counted things, in plural.
 * @throws {TreeError}
 */
export function checkMost(count: number, most: number, path: string, what: string): void {
  if (count <= most) return;
  const hint = "no release of Linux has as many";
  throw new TreeError(`The tree's ${path} has more than ${most} ${what}`, hint);
}

/** @throws {TreeError} Where the folder is not a kernel tree. */
export function versionOf(files: TreeFiles): TreeVersion {
  const makefile = files.text("Makefile") ?? "";
  const part = (name: string) => {
    const written = new RegExp(`^${name}[ \\t]*=[ \\t]*(\\d{1,5})[ \\t]*$`, "m").exec(makefile);
    return written === null ? null : Number(written[1]);
  };
  const [major, patch, sub] = [part("VERSION"), part("PATCHLEVEL"), part("SUBLEVEL")];
  if (major === null || patch === null || sub === null) {
    throw new TreeError(
      "The folder is not a kernel tree: its Makefile has no VERSION, PATCHLEVEL and SUBLEVEL",
      "name the folder that contains `Makefile`, `include/` and `drivers/`",
    );
  }
  return { major, patch, sub, name: `${major}.${patch}.${sub}` };
}

/**
 * The release that models a tree: the same version, or another version with the same major and minor
 * number.
 * @throws {TreeError}
 */
export function kernelOf({ major, name, patch }: TreeVersion): KernelProfile {
  const version: string = `${major}.${patch}`;
  const isKnown = TREE_VERSIONS.some((known) => known === version);
  const kernel = kernelNamed(name as string) ?? kernelNamed(version);
  if (kernel === undefined || !isKnown) {
    throw new TreeError(`dmalab has no tree support for ${name}`);
  }
  return kernel;
}

/** Finds the folder around a module that has a header which the module includes. */
import { TreeError } from "@dmalab/runtime/kernels";
import { ModuleFolder } from "@dmalab/cli";
import { join, relative } from "@dmalab/cli/extend";

/** How many folders above the module's are searched. */
const MAX_LEVELS = 3;
/** The most entries of folders that are looked at, and the deepest nesting. */
const MAX_ENTRIES = 5000;
const MAX_DEPTH = 5;
/** The folder of a repository: nothing above it belongs to the module. */
const REPOSITORY = ".git";

/**
 * The nearest folder above a module's that has a header.
 *
 * @param root The module's folder, absolute.
 * @param header As an include line names it.
 * @param from The folder of the file with that line, absolute.
 * @returns The folder, absolute; null if no folder that may be read has the header.
 */
export function enclosingFolder(root: string, header: string, from: string): string | null {
  const target = relative(root, join(from, header));
  const ups = target.split("/").filter((part) => part === "..").length;
  for (let level = Math.max(1, ups); level <= MAX_LEVELS; level++) {
    const folder = join(root, ...Array.from({ length: level }, () => ".."));
    const files = opened(folder);
    if (files === null) return null;
    const isThere = ups > 0
      ? files.text(relative(folder, join(from, header))) !== null
      : hasHeader(files, header);
    if (isThere) return folder;
    if (files.entries("").some(({ name }) => name === REPOSITORY) || folder === "/") return null;
  }
  return null;
}

/** A folder with the module in it; null if it may not be read. */
function opened(folder: string): ModuleFolder | null {
  try {
    return new ModuleFolder(folder);
  } catch (error) {
    if (error instanceof TreeError) return null;
    throw error;
  }
}

function hasHeader(files: ModuleFolder, header: string): boolean {
  let left = MAX_ENTRIES;
  const folders: (readonly [path: string, depth: number])[] = [["", 0]];
  for (const [folder, depth] of folders) {
    for (const { isFolder, name } of files.entries(folder)) {
      if (left-- <= 0) return false;
      const path = folder === "" ? name : `${folder}/${name}`;
      if (!isFolder && (path === header || path.endsWith(`/${header}`))) return true;
      if (isFolder && depth < MAX_DEPTH && !name.startsWith(".")) folders.push([path, depth + 1]);
    }
  }
  return false;
}

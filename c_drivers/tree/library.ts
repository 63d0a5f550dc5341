/**
 * The tree's own library, `lib/`: which of its files exports a name. What a driver calls and nothing else
 * has is compiled from there, as the linker takes objects from an archive.
 */
import type { TreeFolders } from "./tree_files.ts";

const FOLDERS = ["lib", "lib/math"];
const EXPORT = /^[ \t]*EXPORT_(?:SYMBOL|PER_CPU_SYMBOL)(?:_GPL|_NS|_NS_GPL)?\(\s*(\w+)/gm;

/** @returns Files by the names that they export. */
export function exportsOfLibrary(files: TreeFolders): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const folder of FOLDERS) {
    for (const { isFolder, name } of files.entries(folder)) {
      if (isFolder || !name.endsWith(".c")) continue;
      const path = `${folder}/${name}`;
      for (const [, exported] of (files.text(path) ?? "").matchAll(EXPORT)) {
        if (!found.has(exported!)) found.set(exported!, path);
      }
    }
  }
  return found;
}

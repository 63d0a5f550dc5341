/**
 * An index of the functions and data that files of a tree export. A driver gets a function that
 * dmalab does not have from the file that exports it.
 */
import type { TreeFolders } from "@dmalab/runtime/kernels";
import { exportedNames } from "./library.ts";

/** Folders with subsystems and drivers. The rest of a kernel is what dmalab simulates, or leaves out. */
const FOLDERS = [
  ...["crypto", "drivers", "lib", "sound"],
  ...["bluetooth", "can", "ieee802154", "mac80211", "mac802154", "nfc", "wireless"]
    .map((name) => `net/${name}`),
];
/** Files of other folders. */
const FILES = [
  "net/802/fddi.c",
  "net/core/page_pool.c",
  "drivers/base/attribute_container.c",
  "drivers/base/transport_class.c",
];
/** Folders among these with what dmalab simulates itself. */
const SIMULATED = new Set(["drivers/base", "drivers/iommu", "drivers/of", "drivers/pci"]);

/** Names that a file exports, by its path from the tree's root. */
export type ExportedNames = Readonly<Record<string, readonly string[]>>;

/** Paths of files in the order of their names, by the names that they export. */
export type ExportingFiles = ReadonlyMap<string, readonly string[]>;

/** Sources of the indexed folders, in a fixed order. */
export function indexedSources(files: TreeFolders): readonly string[] {
  const found: string[] = [];
  const walk = (folder: string): void => {
    if (SIMULATED.has(folder)) return;
    for (const { isFolder, name } of files.entries(folder)) {
      const path = `${folder}/${name}`;
      if (isFolder) walk(path);
      else if (name.endsWith(".c")) found.push(path);
    }
  };
  for (const folder of FOLDERS) walk(folder);
  return [...found, ...FILES.filter((path) => files.text(path) !== null)];
}

/** Reads the sources. For a whole tree this takes seconds. */
export function namesExportedBy(files: TreeFolders, sources: readonly string[]): ExportedNames {
  const found: Record<string, readonly string[]> = {};
  for (const path of sources) {
    const names = exportedNames(files.text(path) ?? "");
    if (names.length > 0) found[path] = [...new Set(names)];
  }
  return found;
}

export function exportingFiles(names: ExportedNames): ExportingFiles {
  const found = new Map<string, string[]>();
  for (const [path, each] of Object.entries(names)) {
    for (const name of each) found.getOrInsertComputed(name, () => []).push(path);
  }
  return found;
}

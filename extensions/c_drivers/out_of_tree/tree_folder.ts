/** A folder of a driver inside a kernel tree, for `dmalab init --driver TREE/drivers/…`. */
import { TreeError } from "@dmalab/runtime/kernels";
import { currentFolder, HostTree } from "@dmalab/cli";
import { isAbsolute, join, relative } from "@dmalab/cli/extend";

/** Number of folders above the driver's that are looked at. */
const MAX_LEVELS = 10;
/** A header that every tree has, and few other folders. */
const OF_TREE = "include/linux/kconfig.h";

/** A folder of a tree: paths are relative to the folder. */
export class TreeFolder {
  /** @param path The folder's path from the tree's root. */
  constructor(readonly tree: HostTree, readonly path: string) {}

  /** The folder on the host. */
  get root(): string {
    return this.tree.placeOf(this.path);
  }

  text(path: string): string | null {
    return this.tree.text(`${this.path}/${path}`);
  }

  entries(folder: string): ReturnType<HostTree["entries"]> {
    return this.tree.entries(folder === "" ? this.path : `${this.path}/${folder}`);
  }
}

/** The kernel tree in which a folder lies; null if it lies in none that may be read. */
export function treeFolderOf(folder: string): TreeFolder | null {
  const from = isAbsolute(folder) ? folder : join(currentFolder(), folder);
  for (let level = 1; level <= MAX_LEVELS; level++) {
    const above = join(from, ...Array.from({ length: level }, () => ".."));
    const tree = openedTree(above);
    if (tree !== null) return new TreeFolder(tree, relative(above, from));
    if (above === "/") return null;
  }
  return null;
}

function openedTree(folder: string): HostTree | null {
  try {
    const tree = new HostTree(folder);
    return tree.text(OF_TREE) === null ? null : tree;
  } catch (error) {
    if (error instanceof TreeError) return null;
    throw error;
  }
}

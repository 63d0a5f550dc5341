/**
 * The parsed parts of a tree: settings, makefiles and headers. All files that are compiled from the
 * tree share them.
 */
import { type TreeFolders, type TreeVersion, versionOf } from "@dmalab/runtime/kernels";
import { Architectures } from "./architecture.ts";
import { type Kconfig, readKconfig } from "./kconfig.ts";
import { Makefiles } from "./makefile.ts";
import { Units } from "./unit.ts";

/**
 * Readings by tree object. A later run of `test --watch` makes a new object, and so reads the folder
 * again.
 */
const READINGS = new WeakMap<TreeFolders, TreeReading>();

export class TreeReading {
  readonly version: TreeVersion;
  readonly makefiles: Makefiles;
  readonly units: Units;
  readonly architectures: Architectures;
  /** Hashes of texts. They are needed again, because most files include the same headers. */
  readonly hashes = new Map<string, string>();
  #kconfig: Kconfig | null = null;

  private constructor(readonly files: TreeFolders) {
    this.version = versionOf(files);
    this.makefiles = new Makefiles(files);
    this.units = new Units(files, this.makefiles);
    this.architectures = new Architectures(files);
  }

  /** @throws {TreeError} If the folder is no kernel tree. */
  static of(files: TreeFolders): TreeReading {
    return READINGS.getOrInsertComputed(files, () => new TreeReading(files));
  }

  /** @throws {TreeError} */
  get kconfig(): Kconfig {
    return this.#kconfig ??= readKconfig(this.files);
  }
}

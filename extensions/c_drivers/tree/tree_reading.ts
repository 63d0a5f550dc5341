/**
 * The parsed parts of a tree: settings, makefiles and headers. All files that are compiled from the
 * tree share them.
 */
import {
  MODULE_FOLDER,
  type TreeFolders,
  type TreeVersion,
  versionOf,
} from "@dmalab/runtime/kernels";
import { Kbuild, MakeFiles } from "../make/mod.ts";
import { Architectures } from "./architecture.ts";
import { type Kconfig, readKconfig } from "./kconfig.ts";
import { Makefiles } from "./makefile.ts";
import { NamedSymbols } from "./named_symbols.ts";
import { distributionSettings } from "./settings.ts";
import { Units } from "./unit.ts";

/**
 * Readings by tree object. A later run of `test --watch` makes a new object, and so reads the folder
 * again.
 */
const READINGS = new WeakMap<TreeFolders, Map<string, TreeReading>>();

export class TreeReading {
  readonly version: TreeVersion;
  readonly makefiles: Makefiles;
  readonly units: Units;
  readonly architectures: Architectures;
  /** Hashes of texts. They are needed again, because most files include the same headers. */
  readonly hashes = new Map<string, string>();
  readonly symbols = new NamedSymbols();
  #kconfig: Kconfig | null = null;
  #kbuild: Kbuild | null = null;
  #symbols: ReadonlyMap<string, string> | null = null;

  private constructor(
    readonly files: TreeFolders,
    private readonly given: readonly (readonly [name: string, text: string])[],
  ) {
    this.version = versionOf(files);
    this.makefiles = new Makefiles(files, () => this.kbuild);
    this.units = new Units(files, this.makefiles);
    this.architectures = new Architectures(files);
  }

  /**
   * @param given Variables of the module's makefiles, as make's command line gives them: `DEBUG=1`.
   * @throws {TreeError} If the folder is no kernel tree.
   */
  static of(files: TreeFolders, given: readonly string[] = []): TreeReading {
    const variables = given.map((text) => {
      const at = text.indexOf("=");
      return [text.slice(0, at), text.slice(at + 1)] as const;
    });
    return READINGS.getOrInsertComputed(files, () => new Map())
      .getOrInsertComputed(given.join("\n"), () => new TreeReading(files, variables));
  }

  /** @throws {TreeError} */
  get kconfig(): Kconfig {
    return this.#kconfig ??= readKconfig(this.files);
  }

  /** The makefiles of the out-of-tree module in the tree. @throws {TreeError} */
  get kbuild(): Kbuild {
    return this.#kbuild ??= new Kbuild({
      files: new MakeFiles(this.files, MODULE_FOLDER),
      release: this.version.name,
      given: this.given,
      config: (name) => this.#valueOf(name.slice("CONFIG_".length)),
    });
  }

  /** The value of a symbol in makefiles, with a distribution's configuration; "" if it is off. */
  #valueOf(symbol: string): string {
    this.#symbols ??= distributionSettings(this.kconfig).values;
    const value = this.#symbols.get(symbol);
    return value === undefined ? "" : value === "1" ? "y" : value;
  }
}

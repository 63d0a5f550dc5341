/** A kernel tree of the user's: read only, and nothing outside of its folder, links resolved. */
import { TreeError, type TreeFolders, versionOf } from "@dmalab/runtime/kernels";
import { printable } from "@dmalab/lang/diagnostics";
import { C_FILE } from "@dmalab/lang/values";
import { host } from "./host.ts";
import { hostReason } from "./host_error.ts";
import { readHostBytes } from "./host_file.ts";
import { isInside } from "./paths.ts";

/** No source of a kernel is longer; generated register lists come near. */
const MAX_BYTES = 2 ** 25;
/** The ending of a source that the kernel's build copies. */
const SHIPPED = "_shipped";
/** Besides sources: what says how they are compiled. */
const SETTINGS_NAME = /\/(?:Kbuild|Kconfig|Makefile|Platform)[^/]*$/;

export class HostTree implements TreeFolders {
  /** The folder with links resolved. */
  readonly root: string;
  readonly #decoder = new TextDecoder();

  /** @throws {TreeError} Where the folder cannot be read, or is no kernel tree. */
  constructor(folder: string) {
    try {
      this.root = host.realPathSync(folder);
      host.lstatSync(this.root);
    } catch (error) {
      const allowed = error instanceof host.errors.NotCapable
        ? "reading it is not permitted"
        : hostReason(error);
      throw new TreeError(
        `Cannot read the kernel tree "${printable(folder)}": ${allowed}`,
        `start with \`-R=${printable(folder)}\` beside the other permissions, or with \`-R\``,
      );
    }
    // Before anything else of it is read: a stranger's scenario can name any folder.
    versionOf(this);
  }

  text(path: string): string | null {
    return this.fileText(path, "") ?? this.fileText(`${path}${SHIPPED}`, SHIPPED);
  }

  /**
   * The text of one file; null where it is not there, or is none that is read.
   * @param ending What its name has behind that of a source.
   */
  protected fileText(path: string, ending: string): string | null {
    const file = readHostBytes(`${this.root}/${path}`, {
      mostBytes: MAX_BYTES,
      accepts: (real) =>
        isInside(real, this.root) &&
        (C_FILE.name.test(real.slice(0, real.length - ending.length)) || SETTINGS_NAME.test(real)),
    });
    return file.found ? this.#decoder.decode(file.bytes) : null;
  }

  entries(folder: string): readonly { readonly name: string; readonly isFolder: boolean }[] {
    try {
      const real = host.realPathSync(`${this.root}/${folder}`);
      if (!isInside(real, this.root)) return [];
      // A link to a folder is not followed: it could lead round in a circle.
      return [...host.readDirSync(real)]
        .map(({ isDirectory, name }) => ({ name, isFolder: isDirectory }))
        .toSorted((a, b) => a.name < b.name ? -1 : 1);
    } catch {
      return [];
    }
  }
}

/** A kernel tree of the user's: read only, and nothing outside of its folder, links resolved. */
import type { TreeFolders } from "../../c_drivers/tree/tree_files.ts";
import { TreeError } from "../../c_drivers/tree/tree_files.ts";
import { printable } from "../../lang/diagnostics/display_width.ts";
import { host } from "../host.ts";
import { hostReason } from "../host_error.ts";
import { isInside } from "../paths.ts";

/** No source of a kernel is longer; generated register lists come near. */
const MOST_BYTES = 2 ** 25;

export class HostTree implements TreeFolders {
  /** The folder with links resolved. */
  readonly root: string;
  readonly #decoder = new TextDecoder();

  /** @throws {TreeError} Where the folder cannot be read. */
  constructor(folder: string) {
    try {
      this.root = host.realPathSync(folder);
      [...host.readDirSync(this.root)];
    } catch (error) {
      const allowed = error instanceof host.errors.NotCapable
        ? "reading it is not permitted"
        : hostReason(error);
      throw new TreeError(
        `Cannot read the kernel tree "${printable(folder)}": ${allowed}`,
        `start with \`-R=${printable(folder)}\` beside the other permissions, or with \`-R\``,
      );
    }
  }

  text(path: string): string | null {
    try {
      const real = host.realPathSync(`${this.root}/${path}`);
      if (!isInside(real, this.root)) return null;
      const { isFile, size } = host.lstatSync(real);
      return isFile && size <= MOST_BYTES ? this.#decoder.decode(host.readFileSync(real)) : null;
    } catch {
      return null;
    }
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

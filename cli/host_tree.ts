/**
 * The user's kernel tree. dmalab only reads it, and reads only files that lie inside its folder
 * after links are resolved.
 */
import { MODULE_FOLDER, TreeError, type TreeFolders, versionOf } from "@dmalab/runtime/kernels";
import { printable } from "@dmalab/lang/diagnostics";
import { C_FILE } from "@dmalab/lang/values";
import { givenPermissions, host } from "./host.ts";
import { hostReason } from "./host_error.ts";
import { readHostBytes } from "./host_file.ts";
import { isInside, resolve } from "./paths.ts";
import { COMMA_IN_PATH, readPermission, shellWord } from "./shell_words.ts";

/** Limit of a source file. No kernel source is longer; generated register lists come near. */
const MAX_BYTES = 2 ** 25;
/** The ending of a source that the kernel's build copies to a name without this ending. */
const SHIPPED = "_shipped";
/** Names of build files, which are read besides sources: they say how sources are compiled. */
const SETTINGS_NAME = /\/(?:Kbuild|Kconfig|Makefile|Platform)[^/]*$/;

/**
 * Matches a line in the makefile of a distribution's header package: the line that includes the
 * common makefile. The group is the release.
 */
const HEADERS_PACKAGE = /^include[ \t]+\S*\/linux-headers-(\d+\.\d+)\S*\/Makefile/m;
/** A source that is in every tree and in no package of headers. */
const SOURCE_OF_ALL = "kernel/bounds.c";

function headersAlone(root: string, release: string): TreeError {
  return new TreeError(
    `"${root}" has the kernel's headers alone: dmalab compiles with the sources beside them (Kconfig, kernel/bounds.c, lib/)`,
    `give the sources of ${release}: on Debian \`apt-get install linux-source-${release}\`, ` +
      `\`tar -xf /usr/src/linux-source-${release}.tar.xz\`, and name the folder linux-source-${release}`,
  );
}

/**
 * The error for a folder that cannot be read. If dmalab lacks the permission, the hint is a command
 * line with that permission.
 */
function unreadable(folder: string, what: string, error: unknown): TreeError {
  const message = `Cannot read ${what} "${printable(folder)}": `;
  if (!(error instanceof host.errors.NotCapable)) {
    return new TreeError(message + hostReason(error), "name a folder that is there");
  }
  const problem = `${message}reading it is not permitted, so it may be missing`;
  const permission = readPermission([printable(folder)]);
  if (permission === null) return new TreeError(problem, COMMA_IN_PATH);
  // The launcher permits what the command line names, if it is there: the option would add nothing.
  if (host.args.some((word) => resolve(word.replace(/^--[\w-]+=/, "")) === folder)) {
    return new TreeError(
      problem,
      `name a folder that is there; if it is, start Deno with \`${permission}\` beside its other permissions`,
    );
  }
  // With `deno run -R=. scenario.dma` the arguments do not begin with a command.
  const typed = host.args[0]?.startsWith("-") === false ? host.args : ["test", "FILE"];
  const words = [...givenPermissions(), ...typed].map((word) => shellWord(printable(word)));
  return new TreeError(
    problem,
    `start \`${
      ["dmalab", permission, ...words].join(" ")
    }\`, or Deno with \`${permission}\` beside its other permissions`,
  );
}

export class HostTree implements TreeFolders {
  /** The folder with links resolved. */
  readonly root: string;
  readonly #decoder = new TextDecoder();

  /**
   * @param what The name of the folder in messages.
   * @throws {TreeError} If the folder cannot be read, or is no kernel tree.
   */
  constructor(folder: string, what = "the kernel tree") {
    let real = resolve(folder);
    try {
      real = host.realPathSync(folder);
      host.lstatSync(real);
    } catch (error) {
      throw unreadable(real, what, error);
    }
    this.root = real;
    // Checked before anything else is read: a stranger's scenario can name any folder.
    this.check();
  }

  /** @throws {TreeError} If the folder is not a kernel tree; subclasses check for a module's folder. */
  protected check(): void {
    const [, ofHeaders] = HEADERS_PACKAGE.exec(this.fileText("Makefile", "") ?? "") ?? [];
    if (ofHeaders !== undefined) throw headersAlone(printable(this.root), ofHeaders);
    const { major, patch } = versionOf(this);
    const hasHeaders = this.text("include/linux/kconfig.h") !== null;
    if (hasHeaders && this.text("Kconfig") === null && this.text(SOURCE_OF_ALL) === null) {
      throw headersAlone(printable(this.root), `${major}.${patch}`);
    }
  }

  text(path: string): string | null {
    return this.fileText(path, "") ?? this.fileText(`${path}${SHIPPED}`, SHIPPED);
  }

  /** The file's size and its time of change; "" if there is no such file. */
  stampOf(path: string): string {
    try {
      const { mtime, size } = host.lstatSync(this.placeOf(path));
      return `${size} ${mtime?.getTime() ?? 0}`;
    } catch {
      return "";
    }
  }

  /** The path of a file on the host. */
  placeOf(path: string): string {
    return `${this.root}/${path}`;
  }

  /**
   * The text of one file; null if the file does not exist, or is of a kind that is not read.
   * @param ending An addition to the name of a source file, such as `_shipped`.
   */
  protected fileText(path: string, ending: string): string | null {
    const file = readHostBytes(`${this.root}/${path}`, {
      mostBytes: MAX_BYTES,
      accepts: (real) =>
        isInside(real, this.root) &&
        this.isRead(path, real.slice(0, real.length - ending.length)),
    });
    return file.found ? this.#decoder.decode(file.bytes) : null;
  }

  /** Whether a file is read, judged by its name. @param real The file's path, links resolved. */
  protected isRead(_path: string, real: string): boolean {
    return C_FILE.name.test(real) || SETTINGS_NAME.test(real);
  }

  entries(folder: string): readonly { readonly name: string; readonly isFolder: boolean }[] {
    try {
      const real = host.realPathSync(`${this.root}/${folder}`);
      if (!isInside(real, this.root)) return [];
      // A link to a folder is not listed as a folder, because the link could lead back to a folder
      // above it.
      return [...host.readDirSync(real)]
        .map(({ isDirectory, name }) => ({ name, isFolder: isDirectory }))
        .toSorted((a, b) => a.name < b.name ? -1 : 1);
    } catch {
      return [];
    }
  }
}

/**
 * A kernel tree that also contains the folder of an out-of-tree module, at {@linkcode MODULE_FOLDER}. Links in the
 * module's folder that lead out of it are not followed.
 */
export class ModuleTree extends HostTree {
  readonly #inner: ModuleFolder;

  /** @throws {TreeError} If a folder cannot be read, or `tree` is no kernel tree. */
  constructor(tree: string, module: string) {
    super(tree);
    this.#inner = new ModuleFolder(module);
  }

  override text(path: string): string | null {
    const inside = inModule(path);
    return inside === null ? super.text(path) : this.#inner.text(inside);
  }

  override entries(folder: string): ReturnType<HostTree["entries"]> {
    const inside = inModule(folder);
    return inside === null ? super.entries(folder) : this.#inner.entries(inside);
  }

  override placeOf(path: string): string {
    const inside = inModule(path);
    return inside === null ? super.placeOf(path) : this.#inner.placeOf(inside);
  }
}

/** Converts a path in the tree to a path in the module's folder; null for a file of the tree itself. */
function inModule(path: string): string | null {
  if (path === MODULE_FOLDER) return "";
  return path.startsWith(`${MODULE_FOLDER}/`) ? path.slice(MODULE_FOLDER.length + 1) : null;
}

/** Generated headers without the ending `.h`, such as `regs.vh`: modules include them. */
const GENERATED_HEADER = /\.(?:s?vh|hh|inc)$/;
const MAKEFILE_NAME = /^(?:Kbuild|Makefile)$/;
/** A line by which the kernel's build recognises a module: `obj-m += card.o`. */
const BUILDS_MODULE = /^[ \t]*obj-/m;
/** Number of folders that are searched for the makefile of a module. */
const MAX_FOLDERS = 300;

/** The folder of an out-of-tree module, without a kernel tree. */
export class ModuleFolder extends HostTree {
  /** @throws {TreeError} If the folder cannot be read, or contains no module. */
  constructor(folder: string) {
    super(folder, "the module's folder");
  }

  /**
   * A scenario from somebody else can name any folder. Therefore the folder is read only if the
   * kernel's build would find a module in it.
   */
  protected override check(): void {
    const folders = [""];
    for (let at = 0; at < folders.length && at < MAX_FOLDERS; at++) {
      const folder = folders[at]!;
      for (const { isFolder, name } of this.entries(folder)) {
        const path = folder === "" ? name : `${folder}/${name}`;
        if (isFolder && !name.startsWith(".")) folders.push(path);
        if (!MAKEFILE_NAME.test(name)) continue;
        if (BUILDS_MODULE.test(this.fileText(path, "") ?? "")) return;
      }
    }
    throw new TreeError(
      `"${
        printable(this.root)
      }" is no folder of a kernel module: no makefile in it has a line "obj-m"`,
      "name the folder with the module's Makefile or Kbuild",
    );
  }

  /** Whether a path, links resolved, is a source or a header in this folder. */
  hasSource(real: string): boolean {
    return isInside(real, this.root) && this.isRead(real, real);
  }

  protected override isRead(path: string, real: string): boolean {
    return super.isRead(path, real) || GENERATED_HEADER.test(real);
  }
}

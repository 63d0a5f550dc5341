/**
 * A file of a tree, with all texts that it may include. The compiler receives these texts and no
 * others.
 */
import { type Architecture, withoutAssembler } from "./architecture.ts";
import { PORTS_AT, TREE_PAGE_MAP } from "../c_addresses.ts";
import type { FileFlags, Makefiles } from "./makefile.ts";
import { withOldMembers } from "./old_members.ts";
import { ownFunctions, ownStructs } from "./own_names.ts";
import { checkMost, MODULE_FOLDER, type TreeFolders, treePath } from "@dmalab/runtime/kernels";

/** Folder in which the compiler finds the tree's files. */
const TREE = "tree";
/** Folder in which the compiler finds the lab's headers for trees and the generated headers. */
const LAB = "lab";

const INCLUDE = /^[ \t]*#[ \t]*include(?:_next)?[ \t]*([<"])([^>"\n]+)[>"]/gm;
/** An include with a computed name, from a macro. */
const COMPUTED = /^[ \t]*#[ \t]*include(?:_next)?[ \t]+[A-Za-z_]/m;
/** Headers that are included before every file of a kernel. */
const FIRST = [
  "include/linux/compiler-version.h",
  "include/linux/kconfig.h",
  "include/linux/compiler_types.h",
];
const FOLDERS = ["include", "include/uapi"];
/**
 * Largest number of files that one file may include, directly or indirectly, regardless of
 * conditions.
 */
const MAX_FILES = 6000;
/** Largest number of folders of a module that are searched. */
const MAX_FOLDERS = 300;
const MAX_DEPTH = 6;
/** Further header that is included before files of an out-of-tree module. */
const COMPAT = "dmalab/compat.h";
/** Header with names that a source gets only if it does not compile without them. */
const OLDER = "dmalab/older.h";
const VERSION = "linux/version.h";
/** The definition of a function-like macro, which may have several lines. */
const MACRO = /^#define (\w+)\((?:[^\n]*\\\n)*[^\n]*\n/gm;
/** The definition of a structure in that header. */
const STRUCT = /^(?:struct|enum) (\w+) \{\n(?:\t[^\n]*\n)*\};\n/gm;
/** Macros that a compiler for Linux predefines: some modules test them in addition to `__KERNEL__`. */
const OF_LINUX = ["-D__linux__=1", "-D__gnu_linux__=1", "-D__unix__=1"];
/** Errors of clang that are warnings in a kernel's build with GCC before 14. */
const WARNINGS = ["-Wno-error=int-conversion"];
const ASM = /^asm\/([\w.-]+)$/;

/** Headers about devices, for which the architecture's own version is used. */
const OF_DEVICES = /^asm\/(?:device|dma|iommu)\.h$/;

/** The path of the file to compile, the compiler's arguments, and the texts that it may read. */
export interface Unit {
  readonly source: string;
  readonly args: readonly string[];
  /** The texts that the compiler may read, by their paths. */
  readonly files: Readonly<Record<string, string>>;
}

/** What a source of an out-of-tree module gets because it does not compile without it. */
export interface UnitAdditions {
  /** Headers of the tree that the source does not include, by their paths from the root. */
  readonly headers: readonly string[];
  /** Headers that have moved: where an include line looks, and where they are. */
  readonly moved: ReadonlyMap<string, string>;
  /** Names of `dmalab/older.h`. */
  readonly names: readonly string[];
  /** Members of structures, such as "net_device.dev_addr". */
  readonly members: ReadonlySet<string>;
  /** Changed texts of the module, by their paths from the root. */
  readonly texts: ReadonlyMap<string, string>;
}

const NO_ADDITIONS: UnitAdditions = {
  headers: [],
  moved: new Map(),
  names: [],
  members: new Set(),
  texts: new Map(),
};

export class Units {
  readonly #includes = new Map<string, readonly (readonly [isLocal: boolean, path: string])[]>();
  readonly #texts = new Map<string, string | null>();
  #moduleFolders: readonly string[] | null = null;
  #moduleSources: readonly (readonly [path: string, text: string])[] | null = null;
  #compat: { readonly from: string; readonly text: string } | null = null;

  constructor(readonly files: TreeFolders, readonly makefiles: Makefiles) {}

  /**
   * Makes the unit of a file of the tree, with its includes.
   *
   * @param ours Headers of the lab, including generated ones, by their include paths.
   * @param own Texts that are compiled with the tree but do not belong to it, by their paths.
   * @param architecture The architecture for which the file is compiled. If it is not the lab's,
   *   the headers of this architecture are searched after all others.
   * @param added What a module's source gets in addition.
   */
  unit(
    path: string,
    ours: Readonly<Record<string, string>>,
    own: Readonly<Record<string, string>> = {},
    architecture?: Architecture,
    added: UnitAdditions = NO_ADDITIONS,
  ): Unit {
    const isOwn = path in own;
    const flags = (isOwn ? this.sourcesIn(own[path]!) : [path]).map(this.#flagsOf);
    const search = [...this.#foldersOf(flags, isOwn, path), ...architecture?.folders ?? []];
    const found: Record<string, string> = {};
    const left: string[] = [];
    let count = 0;
    const take = (name: string, text: string | null): boolean => {
      if (text === null) return false;
      if (!(name in found)) {
        found[name] = architecture === undefined ? text : withoutAssembler(text);
        left.push(name);
        checkMost(++count, MAX_FILES, path, "files that it includes");
      }
      return true;
    };
    const ofLab = (name: string): boolean =>
      take(`${LAB}/${name}`, movedText(name, added) ?? this.#labText(name, ours, architecture));
    const isModule = path.startsWith(`${MODULE_FOLDER}/`);
    const textOf = (name: string) =>
      isModule
        ? added.texts.get(name) ?? withOldMembers(name, this.#text(name), added.members)
        : this.#text(name);
    const ofTree = (name: string) => take(`${TREE}/${name}`, textOf(name));
    for (const [name, text] of Object.entries(own)) take(name, text);
    for (const name of isOwn ? FIRST : [path, ...FIRST]) ofTree(name);
    const included = flags.flatMap(({ includes }) => includes).filter(ofTree);
    ofLab("generated/autoconf.h");
    const takeIncluded = () => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) {
        const folder = name.slice(0, name.lastIndexOf("/"));
        for (const [isLocal, written] of this.#includesOf(name, found[name]!)) {
          const beside = treePath(`${folder}/${written}`);
          if (isLocal && beside.startsWith(`${TREE}/`) && ofTree(beside.slice(TREE.length + 1))) {
            continue;
          }
          ofLab(written);
          for (const each of search) if (ofTree(treePath(`${each}/${written}`))) break;
        }
      }
    };
    takeIncluded();
    if (isModule && ours[COMPAT] !== undefined) {
      const further = added.headers.filter(ofTree);
      takeIncluded();
      take(`${LAB}/${COMPAT}`, withIncludesOf(found, this.#withoutOwn(ours[COMPAT]!)));
      included.unshift(...further);
      if (added.names.length > 0) take(`${LAB}/${OLDER}`, withIncludesOf(found, ours[OLDER]!));
      takeIncluded();
    }
    const args = [
      ...folderArguments(search),
      ...FIRST.flatMap((name) => ["-include", `${TREE}/${name}`]),
      ...isModule ? [...WARNINGS, ...OF_LINUX, "-include", `${LAB}/${COMPAT}`] : [],
      ...flags.flatMap(definitionsOf),
      ...included.flatMap((name) => ["-include", `${TREE}/${name}`]),
      ...olderArguments(added),
    ];
    for (const [name, text] of Object.entries(found)) found[name] = this.#withoutUps(name, text);
    return { source: isOwn ? path : `${TREE}/${path}`, args, files: found };
  }

  /** The lab's header of a name; null if it has none. */
  #labText(
    name: string,
    ours: Readonly<Record<string, string>>,
    architecture: Architecture | undefined,
  ): string | null {
    const isOfDevices = OF_DEVICES.test(name) && architecture !== undefined &&
      this.#text(`${architecture.folders[0]}/${name}`) !== null;
    if (isOfDevices) return `#include_next <${name}>\n`;
    if (Object.hasOwn(ours, name)) return ours[name]!;
    const asm = ASM.exec(name)?.[1];
    if (asm === undefined) return null;
    const generic = FOLDERS.some((folder) => this.#text(`${folder}/asm-generic/${asm}`) !== null);
    return generic ? `#include <asm-generic/${asm}>\n` : null;
  }

  /** The folders that are searched for the headers of a file, in their order. */
  #foldersOf(flags: readonly FileFlags[], isOwn: boolean, path: string): readonly string[] {
    return [
      ...flags.flatMap(({ first }) => first),
      ...FOLDERS,
      ...flags.flatMap(({ folders }) => folders),
      ...isOwn ? ["."] : [],
      ...this.#foldersOfModule(path),
    ];
  }

  readonly #flagsOf = (path: string): FileFlags => this.makefiles.flagsOf(path);

  /**
   * The compiler's own file system ignores `..`. Therefore a path with `..` is replaced by a path
   * from the root.
   */
  #withoutUps(name: string, text: string): string {
    if (!text.includes("../")) return text;
    const folder = name.slice(0, name.lastIndexOf("/"));
    return text.replace(INCLUDE, (line: string, quote: string, written: string) => {
      if (quote !== '"' || !written.includes("../")) return line;
      const beside = treePath(`${folder}/${written}`);
      const isTree = beside.startsWith(`${TREE}/`);
      return isTree && this.#text(beside.slice(TREE.length + 1)) !== null
        ? line.replace(written, beside)
        : line;
    });
  }

  /**
   * Sources of the tree that a text includes, by their paths from the root. A text that includes a source
   * can use the static functions of that source.
   */
  sourcesIn(text: string): readonly string[] {
    return [...text.matchAll(INCLUDE)].map(([, , path]) => path!)
      .filter((path) => path.endsWith(".c") && this.#text(path) !== null);
  }

  /** Sources that include a given source. They are in its folder, and a makefile names them. */
  includersOf(path: string): readonly string[] {
    const at = path.lastIndexOf("/");
    const folder = path.slice(0, at);
    const includes = (each: string) =>
      this.#includesOf(`${TREE}/${each}`, this.#text(each) ?? "").some(([isLocal, written]) =>
        isLocal && written === path.slice(at + 1)
      );
    return this.files.entries(folder).map(({ name }) => `${folder}/${name}`).filter((each) =>
      each.endsWith(".c") && this.makefiles.builds(each) && includes(each)
    );
  }

  /**
   * Header folders for a file of an out-of-tree module: the file's own folder, and then all other folders with headers.
   * All folders are used because a makefile may determine them by running a program.
   */
  #foldersOfModule(path: string): readonly string[] {
    if (!path.startsWith(`${MODULE_FOLDER}/`)) return [];
    const folder = path.slice(0, path.lastIndexOf("/"));
    // If several headers have the same name, the nearest one is used.
    const near = this.#headerFolders.toSorted((a, b) => distance(folder, a) - distance(folder, b));
    return [...new Set([folder, MODULE_FOLDER, ...near])];
  }

  /**
   * The header with names that only older releases have, without the names that the module defines
   * itself.
   */
  #withoutOwn(compat: string): string {
    if (this.#compat?.from === compat) return this.#compat.text;
    const structs = new Set<string>();
    const functions = new Set<string>();
    for (const [, text] of this.sourcesOfModule()) {
      for (const name of ownStructs(text)) structs.add(name);
      for (const name of ownFunctions(text)) functions.add(name);
    }
    const text = compat.replace(STRUCT, (all, name: string) => structs.has(name) ? "" : all)
      .replace(MACRO, (macro, name: string) => functions.has(name) ? "" : macro);
    this.#compat = { from: compat, text };
    return text;
  }

  /** Sources and headers of an out-of-tree module, with their paths. */
  sourcesOfModule(): readonly (readonly [path: string, text: string])[] {
    return this.#moduleSources ??= this.#foldersBelow(MODULE_FOLDER, 0, /\.[ch]$/)
      .flatMap((folder) =>
        this.files.entries(folder).filter(({ isFolder, name }) => !isFolder && /\.[ch]$/.test(name))
          .map(({ name }) => [`${folder}/${name}`, this.#text(`${folder}/${name}`) ?? ""] as const)
      );
  }

  get #headerFolders(): readonly string[] {
    return this.#moduleFolders ??= this.#foldersBelow(MODULE_FOLDER, 0);
  }

  #foldersBelow(folder: string, depth: number, wanted = /\.h$/): readonly string[] {
    const entries = this.files.entries(folder).filter(({ name }) => !name.startsWith("."));
    const inner = depth === MAX_DEPTH ? [] : entries.filter(({ isFolder }) => isFolder)
      .flatMap(({ name }) => this.#foldersBelow(`${folder}/${name}`, depth + 1, wanted));
    const hasHeaders = entries.some(({ name }) => wanted.test(name)) || inner.length > 0;
    return (hasHeaders ? [folder, ...inner] : inner).slice(0, MAX_FOLDERS);
  }

  #text(path: string): string | null {
    return this.#texts.getOrInsertComputed(path, () => this.files.text(path));
  }

  #includesOf(name: string, text: string): readonly (readonly [boolean, string])[] {
    const known = name.startsWith(`${TREE}/`) ? this.#includes.get(name) : undefined;
    if (known !== undefined) return known;
    const named = new Set([...text.matchAll(INCLUDE)].map(([, quote, path]) => quote! + path));
    // Only the compiler knows which header the macro in this include names. Therefore all headers
    // of the folder are included in the unit.
    if (COMPUTED.test(text)) {
      const folder = name.slice(TREE.length + 1, name.lastIndexOf("/"));
      for (const entry of this.files.entries(folder)) {
        if (entry.name.endsWith(".h") && !entry.isFolder) named.add(`"${entry.name}`);
      }
    }
    checkMost(named.size, MAX_FILES, name.replace(`${TREE}/`, ""), "files that it includes");
    const made = [...named].map((each) => [each.startsWith('"'), each.slice(1)] as const);
    this.#includes.set(name, made);
    return made;
  }
}

/** The compiler's flags for the folders that are searched for headers. */
function folderArguments(search: readonly string[]): readonly string[] {
  return [LAB, ...search.map((each) => treePath(`${TREE}/${each}`)), "."]
    .flatMap((each) => ["-I", each]);
}

/**
 * The header with names of older releases, without the includes of headers that a file does not include itself:
 * a kernel's build adds none, and the file may have its own definitions of their names.
 */
function withIncludesOf(files: Readonly<Record<string, string>>, compat: string): string {
  return compat.replace(
    INCLUDE,
    (line: string, _quote: string, name: string) =>
      name === VERSION || `${TREE}/include/${name}` in files ? line : "",
  );
}

/** A header in the place of one that has moved. */
function movedText(name: string, { moved }: UnitAdditions): string | null {
  const to = moved.get(name);
  return to === undefined ? null : `#include <${to}>\n`;
}

/** The compiler's flags for names that older releases had. */
function olderArguments({ names }: UnitAdditions): readonly string[] {
  if (names.length === 0) return [];
  return [...names.map((name) => `-DDMALAB_OLD_${name}`), "-include", `${LAB}/${OLDER}`];
}

/** The compiler's flags for the definitions of a makefile. */
function definitionsOf({ defines, undefines }: FileFlags): readonly string[] {
  return [...defines.map((each) => `-D${each}`), ...undefines.map((each) => `-U${each}`)];
}

/** Number of steps up and down between two folders. */
function distance(from: string, to: string): number {
  const [one, other] = [from.split("/"), to.split("/")];
  const common = one.findIndex((part, at) => part !== other[at]);
  const shared = common < 0 ? one.length : common;
  return one.length + other.length - 2 * shared;
}

/** Arguments with which every file of a tree is compiled. */
export const TREE_ARGUMENTS: readonly string[] = [
  "--target=wasm64",
  "-mbulk-memory",
  "-nostdinc",
  "-O1",
  "-std=gnu11",
  "-w",
  "-ffreestanding",
  "-fno-strict-aliasing",
  "-fno-delete-null-pointer-checks",
  "-fshort-wchar",
  "-fms-extensions",
  "-fwrapv",
  "-fno-color-diagnostics",
  "-fno-caret-diagnostics",
  "-ferror-limit=50",
  "-D__KERNEL__",
  `-DDMALAB_PAGE_MAP=${TREE_PAGE_MAP}UL`,
  `-DDMALAB_PORTS=${PORTS_AT}UL`,
  '-DKBUILD_MODNAME="driver"',
  '-DKBUILD_BASENAME="driver"',
  '-DKBUILD_MODFILE="driver"',
  // WebAssembly has no return address.
  "-D__builtin_return_address(level)=((void *)0)",
  // Fixed values for the macros that give the time of the host's clock. With fixed values, the
  // result does not depend on the time. The kernel's own build rejects these macros.
  '-D__DATE__="Jan  1 1970"',
  '-D__TIME__="00:00:00"',
  '-D__TIMESTAMP__="Thu Jan  1 00:00:00 1970"',
];

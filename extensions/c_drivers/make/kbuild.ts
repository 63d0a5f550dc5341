/**
 * The modules of a folder, as the kernel's build makes them: objects, sources and flags. Makefiles are
 * read twice, as in a build: once as the user starts make, and once by the kernel's build.
 */
import { TreeError } from "@dmalab/runtime/kernels";
import { isBelow, KERNEL_ROOT, type MakeFiles, MODULE_ROOT, resolvedPath } from "./make_files.ts";
import { shellWords, wordsOf } from "./make_lines.ts";
import {
  type MakeQuestion,
  MakeReader,
  type MakeRule,
  type MissingMakefile,
} from "./make_reader.ts";
import {
  isUnknown,
  MakeBudget,
  type MakeOrigin,
  type MakePlace,
  withoutUnknown,
} from "./make_variables.ts";

/** An object of a module. */
export interface KbuildObject {
  /** Path of the object from the module's folder: `src/card.o`. */
  readonly object: string;
  /** Path of its source in C; null if the object is made from anything else. */
  readonly source: string | null;
}

/** A module that the makefiles build. */
export interface KbuildModule {
  /** Its name, such as `card` for `card.ko`. */
  readonly name: string;
  readonly place: MakePlace;
  readonly objects: readonly KbuildObject[];
  /** Whether a program would give further objects. */
  readonly isWhole: boolean;
}

/** The compiler's flags for a source, from the makefiles. */
export interface SourceFlags {
  /** Folders of headers that are searched before the kernel's: absolute, as `MakeFiles` names them. */
  readonly first: readonly string[];
  /** Folders of headers that are searched after the kernel's. */
  readonly folders: readonly string[];
  /** Definitions, without `-D`. */
  readonly defines: readonly string[];
  /** Names that are undefined, without `-U`. */
  readonly undefines: readonly string[];
  /** Headers that are included before the source; absolute. */
  readonly includes: readonly string[];
}

/** A flag or an object that only a program could tell. */
export interface UnknownPart {
  readonly place: MakePlace;
  /** The program, or the file of the build machine. */
  readonly what: string;
  /** The text in which it stands. */
  readonly text: string;
}

/** What is read of a module's folder. */
export interface KbuildOptions {
  readonly files: MakeFiles;
  /** The kernel's release, such as "6.12.90". */
  readonly release: string;
  /** Variables that the command line of make gives. */
  readonly given?: readonly (readonly [name: string, text: string])[];
  /** Values of the kernel's configuration, by names with `CONFIG_`. */
  config(name: string): string;
}

const MAKEFILES = ["GNUmakefile", "makefile", "Makefile"];
const KBUILD_FILES = ["Kbuild", "Makefile"];
const BUILDS = /\bobj-/;
const MAX_FOLDERS = 300;
const MAX_DEPTH = 8;
const MAX_OBJECTS = 20_000;
/** Variables with flags of every source, in the order in which the build uses them. */
const GLOBAL_FLAGS = [
  ...["NOSTDINC_FLAGS", "LINUXINCLUDE", "KBUILD_CPPFLAGS", "KBUILD_CFLAGS", "KCPPFLAGS", "KCFLAGS"],
  ...["CFLAGS_MODULE", "KBUILD_CFLAGS_MODULE"],
];
/** Variables with flags of every source of a folder. */
const FOLDER_FLAGS = ["EXTRA_CPPFLAGS", "cppflags-y", "EXTRA_CFLAGS", "ccflags-y", "ccflags-m"];

/** The kernel's own headers among the folders of a file. */
const KERNEL_HEADERS = `${KERNEL_ROOT}/include`;

/** Where the kernel's build starts, and what the user's make passes to it. */
interface Entry {
  readonly folder: string;
  readonly given: readonly (readonly [name: string, text: string, origin: MakeOrigin])[];
}

/** The makefile of one folder, as the kernel's build has read it. */
interface KbuildFolder {
  readonly folder: string;
  readonly reader: MakeReader;
  readonly parent: KbuildFolder | null;
}

/** All that the makefiles of a module's folder say. */
export class Kbuild {
  readonly modules: readonly KbuildModule[];
  readonly questions: readonly MakeQuestion[];
  readonly unknown: readonly UnknownPart[];
  readonly missing: readonly MissingMakefile[];
  /** Symbols that nothing sets and that were taken as `m`, with their lines. */
  readonly asked: ReadonlyMap<string, MakePlace>;
  readonly rules: readonly MakeRule[];
  readonly #budget = new MakeBudget();
  readonly #folders = new Map<string, KbuildFolder>();
  /** The folder whose makefile builds an object, by the object's path. */
  readonly #builders = new Map<string, KbuildFolder>();
  readonly #modules: KbuildModule[] = [];
  readonly #outer: MakeReader[] = [];
  readonly #unknown = new Map<string, UnknownPart>();
  readonly #flags = new Map<string, SourceFlags>();

  /** @throws {TreeError} For a loop, or beyond a limit. */
  constructor(readonly options: KbuildOptions) {
    const folders = this.#foldersWithMakefile();
    for (const { folder, given } of this.#entries(folders)) {
      if (!this.#folders.has(folder)) this.#build(folder, given, null, 0);
    }
    this.modules = this.#modules;
    const readers = [...this.#folders.values()].map(({ reader }) => reader);
    this.questions = unique(readers.flatMap(({ questions }) => questions), questionKey);
    this.missing = readers.flatMap(({ missing }) => missing);
    this.asked = new Map(readers.flatMap(({ asked }) => [...asked]));
    this.rules = [...readers, ...this.#outer].flatMap(({ rules }) => rules);
    for (const module of this.modules) {
      for (const { source } of module.objects) if (source !== null) this.flagsOf(source);
    }
    this.unknown = [...this.#unknown.values()];
  }

  /** The module that has a source; null if no makefile builds it. */
  moduleOf(source: string): KbuildModule | null {
    return this.modules.find(({ objects }) => objects.some((each) => each.source === source)) ??
      null;
  }

  /**
   * The flags for a source. A source that no makefile builds, such as one that another source includes,
   * has the flags of the nearest folder above it; null without such a folder.
   */
  flagsOf(source: string): SourceFlags | null {
    const object = source.replace(/\.c$/, ".o");
    let builder = this.#builders.get(object);
    for (let at = `${MODULE_ROOT}/${source}`; builder === undefined && at.length > 1;) {
      at = at.slice(0, at.lastIndexOf("/"));
      builder = this.#folders.get(at);
    }
    if (builder === undefined) return null;
    const found = builder;
    return this.#flags.getOrInsertComputed(source, () => this.#flagsIn(found, object));
  }

  /** Folders of the module with a makefile, the nearest to the root first. */
  #foldersWithMakefile(): readonly string[] {
    const { files } = this.options;
    const found: string[] = [];
    const left = [MODULE_ROOT];
    for (let at = 0; at < left.length && at < MAX_FOLDERS; at++) {
      const folder = left[at]!;
      const entries = files.files.entries(files.pathOf(folder)!);
      if (entries.some(({ isFolder, name }) => !isFolder && KBUILD_FILES.includes(name))) {
        found.push(folder);
      }
      for (const { isFolder, name } of entries) {
        if (isFolder && !name.startsWith(".")) left.push(`${folder}/${name}`);
      }
    }
    return found;
  }

  /** Where builds start: where a makefile sends them, and each folder that no build reaches. */
  *#entries(folders: readonly string[]): Generator<Entry> {
    const sent: Entry[] = [];
    const started = new Set<string>();
    for (const folder of folders) this.#start(folder, [], sent, started);
    yield* sent.filter(({ folder }) => this.#kbuildFile(folder) !== null);
    for (const folder of folders) {
      const text = this.#kbuildText(folder);
      if (text !== null && BUILDS.test(text)) yield { folder, given: [] };
    }
  }

  /** Reads a makefile as the user's make does, and collects what it sends to the kernel's build. */
  #start(
    folder: string,
    given: Entry["given"],
    sent: Entry[],
    started: Set<string>,
  ): void {
    const { files } = this.options;
    const path = MAKEFILES.map((name) => `${folder}/${name}`)
      .find((each) => files.text(each) !== null);
    if (path === undefined || started.has(folder) || started.size > MAX_FOLDERS) return;
    started.add(folder);
    const reader = this.#reader(folder, [["CURDIR", folder, "file"], ...given]);
    reader.read(path);
    this.#outer.push(reader);
    for (const { assigned, at, module } of makesOf(reader, folder)) {
      const exports = reader.exports().map(([name, text]) => [name, text, "environment"] as const);
      const passed = [...given, ...exports, ...assigned];
      if (module !== null) sent.push({ folder: module, given: passed });
      else this.#start(at, passed, sent, started);
    }
  }

  #reader(folder: string, given: Entry["given"]): MakeReader {
    const { files, release } = this.options;
    const [version = "", patchlevel = "", sublevel = ""] = release.split(/[.-]/);
    return new MakeReader({
      files,
      release,
      folder,
      budget: this.#budget,
      config: (name) => this.options.config(name),
      variables: [
        ...Object.entries({
          PWD: folder,
          MAKE: "make",
          VERSION: version,
          PATCHLEVEL: patchlevel,
          SUBLEVEL: sublevel,
        }).map(([name, text]) => [name, text, "environment"] as const),
        ...given,
        ...(this.options.given ?? []).map(([name, text]) => [name, text, "command line"] as const),
      ],
    });
  }

  #kbuildFile(folder: string): string | null {
    return KBUILD_FILES.map((name) => `${folder}/${name}`)
      .find((each) => this.options.files.text(each) !== null) ?? null;
  }

  #kbuildText(folder: string): string | null {
    const path = this.#kbuildFile(folder);
    return path === null ? null : this.options.files.text(path);
  }

  /** Reads a folder as the kernel's build does, and the folders that it names. */
  #build(
    folder: string,
    given: Entry["given"],
    parent: KbuildFolder | null,
    depth: number,
  ): void {
    const path = this.#kbuildFile(folder);
    if (path === null || depth > MAX_DEPTH || this.#folders.has(folder)) return;
    const { release } = this.options;
    const root = parent === null ? folder : given.find(([name]) => name === "M")![1];
    const built: Record<string, string> = {
      KERNELRELEASE: release,
      KERNELVERSION: release,
      M: root,
      KBUILD_EXTMOD: root,
      src: folder,
      obj: folder,
      srctree: KERNEL_ROOT,
      objtree: KERNEL_ROOT,
      LINUXINCLUDE: `-I${KERNEL_HEADERS}`,
      ARCH: "x86",
      SRCARCH: "x86",
      CURDIR: root,
    };
    const own = Object.entries(built).map(([name, text]) => [name, text, "environment"] as const);
    const reader = this.#reader(root, [...given, ...own]);
    reader.read(path);
    const made: KbuildFolder = { folder, reader, parent };
    this.#folders.set(folder, made);
    this.#collect(made);
    const below = ["obj-y", "obj-m", "subdir-y", "subdir-m"].flatMap((name) =>
      this.#words(reader, name).filter((word) => name.startsWith("subdir") || word.endsWith("/"))
    );
    const exports = reader.exports().map(([name, text]) => [name, text, "environment"] as const);
    const passed = [...given.filter(([name]) => name !== "M"), ["M", root, "environment"] as const];
    for (const name of new Set(below)) {
      const inner = resolvedPath(name, folder);
      if (isBelow(inner, MODULE_ROOT)) this.#build(inner, [...passed, ...exports], made, depth + 1);
    }
  }

  /** The words of a list; a word that only a program could tell is kept apart. */
  #words(reader: MakeReader, name: string): readonly string[] {
    if (reader.variables.get(name) === undefined) return [];
    const words = wordsOf(reader.variables.valueOf(name));
    for (const word of words) {
      for (const { place, what } of reader.variables.unknownIn(word)) {
        const text = `${name}: ${withoutUnknown(word.replace(/\uE000\d+\uE001/, "…"))}`;
        this.#unknown.set(`${place.path}:${place.line} ${text}`, { place, what, text });
      }
    }
    return words.filter((word) => !isUnknown(word));
  }

  #collect(from: KbuildFolder): void {
    const { folder, reader } = from;
    const built = new Set(this.#words(reader, "obj-y"));
    const wanted = this.#words(reader, "obj-m").filter((word) => !built.has(word));
    // A driver that is always built in is taken as a module, too.
    for (const word of new Set([...wanted, ...built])) {
      if (!word.endsWith(".o")) continue;
      const before = this.#unknown.size;
      const name = word.slice(0, -2);
      const parts = ["objs", "y", "m"].flatMap((list) => this.#words(reader, `${name}-${list}`));
      const objects = (parts.length === 0 ? [word] : this.#flattened(reader, name, parts))
        .map((object) => this.#object(from, object));
      if (objects.length > MAX_OBJECTS) {
        throw new TreeError(
          `${name}.ko has more than ${MAX_OBJECTS} objects`,
          "no driver has as many",
        );
      }
      const place = reader.places.get("obj-m") ?? reader.places.get("obj-y") ??
        { path: folder, line: 1, text: "" };
      this.#modules.push({
        name: name.slice(name.lastIndexOf("/") + 1),
        place,
        objects,
        isWhole: this.#unknown.size === before,
      });
    }
  }

  /** Objects of a module; an object may be made of further ones. */
  #flattened(reader: MakeReader, name: string, parts: readonly string[]): readonly string[] {
    const found = new Set<string>();
    const left = [...parts].reverse();
    const seen = new Set([name]);
    for (let each = left.pop(); each !== undefined; each = left.pop()) {
      const base = each.replace(/\.o$/, "");
      const inner = seen.has(base)
        ? []
        : ["objs", "y", "m"].flatMap((list) => this.#words(reader, `${base}-${list}`));
      seen.add(base);
      if (inner.length > 0) left.push(...inner.toReversed());
      else if (each.endsWith(".o")) found.add(each);
    }
    return [...found];
  }

  #object(from: KbuildFolder, name: string): KbuildObject {
    const { files } = this.options;
    const path = resolvedPath(name, from.folder);
    const object = isBelow(path, MODULE_ROOT) ? path.slice(MODULE_ROOT.length + 1) : path;
    if (!this.#builders.has(object)) this.#builders.set(object, from);
    const source = object.replace(/\.o$/, ".c");
    const isThere = files.text(`${MODULE_ROOT}/${source}`) !== null;
    return { object, source: isThere ? source : null };
  }

  #flagsIn(from: KbuildFolder, object: string): SourceFlags {
    const { folder, reader } = from;
    const name = resolvedPath(object, MODULE_ROOT).slice(folder.length + 1);
    const own = [`CFLAGS_${name}`];
    const base = name.slice(name.lastIndexOf("/") + 1);
    if (base !== name) own.push(`CFLAGS_${base}`);
    const above: KbuildFolder[] = [];
    for (let each: KbuildFolder | null = from; each !== null; each = each.parent) {
      above.unshift(each);
    }
    const words = [
      ...GLOBAL_FLAGS.flatMap((list) => this.#flagWords(reader, list)),
      ...above.flatMap((each) => this.#flagWords(each.reader, "subdir-ccflags-y")),
      ...[...FOLDER_FLAGS, ...own].flatMap((list) => this.#flagWords(reader, list)),
    ];
    const removed = new Set([
      ...this.#flagWords(reader, "ccflags-remove-y"),
      ...this.#flagWords(reader, `CFLAGS_REMOVE_${name}`),
    ]);
    return parsedFlags(
      words.filter((word) => !removed.has(word)),
      from.folder,
      reader.options.folder,
    );
  }

  #flagWords(reader: MakeReader, list: string): readonly string[] {
    if (reader.variables.get(list) === undefined) return [];
    const text = reader.variables.valueOf(list);
    const words = shellWords(text);
    for (const word of words) {
      for (const { place, what } of reader.variables.unknownIn(word)) {
        const shown = `${list}: ${word.replaceAll(/\uE000\d+\uE001/g, "…")}`;
        this.#unknown.set(`${place.path}:${place.line} ${shown}`, { place, what, text: shown });
      }
    }
    // A definition is taken as if the program had printed nothing; a folder is left out.
    return words.filter((word) => !isUnknown(word) || word.startsWith("-D")).map(withoutUnknown);
  }
}

/** A make that a recipe starts. */
interface StartedMake {
  /** The folder of the kernel's build (`M=`); null for a make in another folder of the module. */
  readonly module: string | null;
  /** The folder in which it runs. */
  readonly at: string;
  readonly assigned: Entry["given"];
}

/** The makes that the recipes of the default goal start. */
function makesOf(reader: MakeReader, folder: string): readonly StartedMake[] {
  const made: StartedMake[] = [];
  for (const rule of rulesOfGoal(reader)) {
    for (const line of rule.recipe) {
      reader.variables.set("@", {
        text: rule.targets[0] ?? "",
        isExpanded: true,
        origin: "automatic",
      });
      let at = folder;
      for (const command of reader.variables.expand(line).split(/;|&&|\|\||\n/)) {
        // The shell's names of the folder in which it runs.
        const here = command.replace(/\$\{?PWD\}?|\$\(pwd\)|`pwd`/g, at);
        const words = shellWords(here.replace(/^[@+\s-]+/, ""));
        if (words[0] === "cd" && words[1] !== undefined) at = resolvedPath(words[1], at);
        const started = startedMake(words, at);
        if (started !== null) made.push(started);
      }
    }
  }
  return made;
}

function startedMake(words: readonly string[], folder: string): StartedMake | null {
  const start = words.findIndex((word) => /^(?:g?make|.*\/make)$/.test(word));
  if (start < 0 || words.slice(start).includes("clean")) return null;
  let at = folder;
  let module: string | null = null;
  const assigned: (readonly [string, string, MakeOrigin])[] = [];
  for (let index = start + 1; index < words.length; index++) {
    const word = words[index]!;
    const [, flag] = /^(?:-C|--directory=?)(.*)$/.exec(word) ?? [];
    if (flag !== undefined) {
      // The kernel's folder may be a variable that is empty here.
      const isEmpty = flag === "" && /^[\w.-]+[:+]?=/.test(words[index + 1] ?? "");
      const named = isEmpty ? KERNEL_ROOT : flag === "" ? words[++index] ?? "." : flag;
      at = isUnknown(named) ? KERNEL_ROOT : resolvedPath(named, at);
      continue;
    }
    const [, name, text] = /^([\w.-]+)[:+]?=([^]*)$/.exec(word) ?? [];
    if (name === undefined) continue;
    if (/^(?:M|SUBDIRS|KBUILD_EXTMOD)$/.test(name)) {
      module = text === "" || isUnknown(text!) ? folder : resolvedPath(text!, folder);
      // Makefiles of older kernels use the older name of `M`.
      if (name === "SUBDIRS") assigned.push([name, module, "command line"]);
    } else if (!isUnknown(text!)) assigned.push([name, text!, "command line"]);
  }
  if (module !== null) {
    return isBelow(module, MODULE_ROOT) ? { module, at, assigned } : null;
  }
  return at !== folder && isBelow(at, MODULE_ROOT) ? { module: null, at, assigned } : null;
}

/** The rules of the default goal, and of what it needs. */
function rulesOfGoal({ rules, variables }: MakeReader): readonly MakeRule[] {
  const named = variables.valueOf(".DEFAULT_GOAL").trim();
  const first = rules.flatMap(({ targets }) => targets).find((each) => !/^\.|%/.test(each));
  const goals = new Set([named === "" ? first ?? "" : named]);
  const byTarget = new Map<string, MakeRule[]>();
  for (const rule of rules) {
    for (const target of rule.targets) byTarget.getOrInsertComputed(target, () => []).push(rule);
  }
  const found = new Set<MakeRule>();
  // The loop includes the goals that it adds.
  for (const goal of goals) {
    for (const rule of byTarget.get(goal) ?? []) {
      found.add(rule);
      for (const need of rule.needs) goals.add(need);
    }
  }
  return [...found];
}

/** Reads the compiler's flags. Relative folders are tried from the makefile's folder, the module's and the kernel's. */
function parsedFlags(words: readonly string[], folder: string, root: string): SourceFlags {
  const folders: string[] = [];
  const includes: string[] = [];
  const defines = new Map<string, string>();
  const undefines = new Set<string>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const option = ["-isystem", "-iquote", "-idirafter", "-include", "-imacros", "-I", "-D", "-U"]
      .find((each) => word.startsWith(each));
    if (option === undefined) continue;
    const value = word === option ? words[++at] ?? "" : word.slice(option.length);
    if (value === "") continue;
    if (option === "-D") {
      const name = value.replace(/[=(][^]*$/, "");
      undefines.delete(name);
      defines.set(name, value);
    } else if (option === "-U") {
      defines.delete(value);
      undefines.add(value);
    } else {
      const list = option === "-include" || option === "-imacros" ? includes : folders;
      list.push(resolvedPath(value, folder));
      if (!value.startsWith("/")) {
        list.push(resolvedPath(value, root), resolvedPath(value, KERNEL_ROOT));
      }
    }
  }
  const all = [...new Set(folders)];
  const kernel = all.indexOf(KERNEL_HEADERS);
  return {
    first: all.slice(0, Math.max(0, kernel)),
    folders: all.slice(kernel + 1),
    defines: [...defines.values()],
    undefines: [...undefines],
    includes: [...new Set(includes)],
  };
}

function questionKey({ depends, place }: MakeQuestion): string {
  return JSON.stringify([place.path, place.line, depends]);
}

function unique<T>(values: readonly T[], key: (value: T) => string): readonly T[] {
  return [...new Map(values.map((value) => [key(value), value] as const)).values()];
}

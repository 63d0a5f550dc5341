/**
 * Finds the files with which a driver of a tree is linked in addition to its own files: dmalab's files and the tree's
 * library. For an out-of-tree driver, these are also the other sources and modules of its folder.
 */
import {
  asLibrary,
  asOtherModule,
  definedIn,
  IR,
  missingIn,
  withInitFunction,
} from "../tree/ir.ts";
import {
  companionsOf,
  exportedNames,
  exportsIn,
  libraryOf,
  requestFilesOf,
  siblingsOf,
} from "../tree/library.ts";
import type { Settings } from "../tree/settings.ts";
import { hasTreeFunction } from "../tree/kernel_abi.ts";
import { hasInit, modulesSource, startOrder } from "../tree/other_modules.ts";
import type { CompiledAlong } from "../tree/of_tree.ts";
import { MODULE_FOLDER, TreeError } from "@dmalab/runtime/kernels";
import { TREE_ARGUMENTS, type Unit } from "../tree/unit.ts";
import { readTreeHeaders, type SourceOfTree } from "@dmalab/cli";
import { CHECKABLE, type Compiled } from "./clang.ts";
import type { ModuleRepairs } from "./module_repairs.ts";
import { firstError, type TreeBuild } from "./tree_build.ts";
import { filesExporting } from "./tree_index.ts";

/**
 * Arguments for debug information in which the line of the driver's call replaces the lines of an
 * inline function in a header.
 */
export const PLACED = [...CHECKABLE, "-finline-hint-functions", "-gno-inline-line-tables"];
/** For library files: debug information without variables, which are not shown. */
const LIBRARY = [...PLACED, "-gline-tables-only"];
/** Matches dmalab's C files among the texts with which files of a tree are compiled. */
const OUR_LIBRARY = /^dmalab\/.*\.c$/;
/** An init function of a module: `module_init()`, `module_pci_driver()`, … */
const INIT = /^[ \t]*(?:module_init|(?:builtin|module)_\w*driver|int[ \t]+init_module)[ \t]*\(/m;
/** Matches the source of a program that runs on the build machine. */
const PROGRAM = /\bint\s+main\s*\(/;
/** Argument that hides functions from scripts. */
const HIDDEN = "-fvisibility=hidden";
/** Functions that the compiled code calls although LLVM IR does not name them. */
const COMPILERS_OWN = ["__multi3"];
/** The file with the `__wrap_` functions to which the linker redirects calls (`--wrap`). */
const WRAPPING = "dmalab/pool_pages.c";
const POOLS = "net/core/page_pool.c";
const WRAPPED = /\b__wrap_(\w+)\(/g;
/**
 * The largest number of files of the tree and of other modules with which one driver is linked. dmalab's own
 * files are not counted; they are a few dozen at most.
 */
const MAX_LIBRARY = 160;
/**
 * The largest number of files that are compiled along because they export what a driver calls, and the largest
 * size of their texts.
 */
const MOST_ALONG = 64;
const MOST_ALONG_CHARACTERS = 3_000_000;
/** The level of modules that start after all parts of the kernel. */
const AFTER_KERNEL = 100;
/** Path of the table of modules that `dmalab/bus.c` starts before the driver. */
const MODULES = "lab/modules.c";

/** The files with which a driver is linked in addition to its own. */
export interface Library {
  /** Texts in LLVM IR, in the linker's order. */
  readonly texts: readonly string[];
  /** Files of the tree that iterate requests, by their names for the compiler. */
  readonly paths: ReadonlyMap<string, string>;
  /** Functions with a wrapper in dmalab, to which calls are redirected. */
  readonly wrapped: readonly string[];
  readonly along: CompiledAlong;
}

export class TreeLibrary {
  readonly #decoder = new TextDecoder();
  readonly #ours = new Map(
    Object.entries(readTreeHeaders()).filter(([path]) => OUR_LIBRARY.test(path)),
  );
  /** Files that define replacements for functions of the lab, by the function's name. */
  readonly #first: ReadonlyMap<string, string>;
  readonly #iterating: ReadonlySet<string>;
  /** For a name, the file that defines it. */
  readonly #exported: Map<string, string>;
  /** Names that the scenario's own files define. */
  readonly #given: ReadonlySet<string>;
  /** Sources of other modules of the driver's folder. */
  readonly #others: ReadonlyMap<string, string>;
  /** The driver's own files of the tree. */
  readonly #own: ReadonlySet<string>;
  /** Files of other modules in the driver's folder of the tree. */
  readonly #siblings = new Set<string>();
  readonly #tried = new Set<string>();
  readonly #texts: string[] = [];
  /** Texts of the files that have been added, from the tree and the module, by their paths. */
  readonly #added = new Map<string, string>();
  readonly #paths = new Map<string, string>();
  /** Files that are compiled along, and the other files of their modules. */
  readonly #along = new Set<string>();
  #alongCharacters = 0;
  readonly #problems: string[] = [];
  /** Levels of the init functions of files that are compiled along, by their paths. */
  readonly #starting = new Map<string, number>();

  constructor(
    readonly of: SourceOfTree,
    readonly build: TreeBuild,
    readonly settings: Settings,
    readonly repairs: ModuleRepairs,
  ) {
    const { files, tree } = of;
    this.#first = new Map([...exportsIn(requestFilesOf(tree)), ...exportsIn(this.#ours)]);
    this.#iterating = new Set([...requestFilesOf(tree)].map(([path]) => path));
    this.#own = new Set(files.flatMap(({ path }) => path ?? []));
    this.#given = new Set(
      exportsIn(
        files.filter(({ path }) => path === null).map(({ source }) => [source.name, source.text]),
      ).keys(),
    );
    this.#others = this.#isOutOfTree ? this.#otherModules() : new Map();
    this.#exported = new Map([
      ...exportsIn(libraryOf(tree)),
      ...[...this.#others].flatMap(([path, text]) =>
        exportedNames(text).map((name) => [name, path] as const)
      ),
      ...this.#companions(),
    ]);
  }

  /**
   * Adds files until no known file exports any of the names that are still undefined.
   *
   * @param texts The driver's own files, in LLVM IR.
   * @throws {TreeError} If one of dmalab's files does not compile with the tree.
   */
  async collect(texts: readonly string[]): Promise<Library> {
    const wrapped = () => this.#wrappedIn([...texts, ...this.#added.values()]);
    for (let added = true; added;) {
      added = false;
      const missing = missingIn([...texts, ...this.#texts, ...this.#added.values()]);
      for (const name of [...COMPILERS_OWN, ...missing]) {
        const path = this.#first.get(name) ??
          (hasTreeFunction(name) ? undefined : this.#exported.get(name));
        if (path !== undefined && await this.#add(path)) added = true;
      }
      if (!added) added = await this.#addAlong(missing, texts);
      if (!added && wrapped().length > 0) added = await this.#add(WRAPPING);
    }
    const order = startOrder(
      texts,
      this.#added,
      (name) => this.#exported.get(name),
      new Set([...this.#others.keys(), ...this.#starting.keys()]),
    );
    const level = (path: string) => this.#starting.get(path) ?? AFTER_KERNEL;
    const modules = order.toSorted((one, other) => level(one) - level(other));
    return {
      texts: await this.#linked(texts, modules),
      paths: this.#paths,
      wrapped: wrapped(),
      along: this.#alongWith(texts),
    };
  }

  /**
   * Adds files of the tree that export names which dmalab does not have.
   *
   * @param texts The driver's own files.
   * @returns Whether a file was added.
   */
  async #addAlong(missing: Iterable<string>, texts: readonly string[]): Promise<boolean> {
    // dmalab's own files call page pools, which nothing reaches if the driver has none.
    const needed = missingIn([...texts, ...this.#added.values()]);
    let added = false;
    for (const name of missing) {
      if (this.#isOurs(name) || this.#exported.has(name)) continue;
      const index = await filesExporting(this.of.tree);
      const path = index.get(name)?.find((each) => this.#isUsable(each));
      if (path === undefined || (path === POOLS && !needed.has(name))) continue;
      this.#exported.set(name, path);
      this.#along.add(path);
      if (await this.#add(path)) added = true;
    }
    return added;
  }

  #alongWith(texts: readonly string[]): CompiledAlong {
    const missing = missingIn([...texts, ...this.#texts, ...this.#added.values()]);
    const isBeyond = (name: string) => {
      const path = this.#exported.get(name);
      return path !== undefined && this.#along.has(path) && !this.#tried.has(path);
    };
    const files = [...this.#added.keys()].filter((path) => this.#along.has(path));
    return {
      files,
      exported: new Set(files.flatMap((path) => exportedNames(this.of.tree.text(path) ?? ""))),
      problems: this.#problems,
      beyond: [...missing].filter(isBeyond),
    };
  }

  readonly #isOurs = (name: string): boolean => this.#first.has(name) || hasTreeFunction(name);

  /**
   * Whether a file may be compiled along: neither it nor another file of its module exports a function that
   * dmalab or a file of the driver has, because these would then work on different structures.
   */
  #isUsable(path: string): boolean {
    const { build: { makefiles }, of: { tree } } = this;
    return [path, ...makefiles.moduleOf(path, this.#isSet)].every((each) =>
      exportedNames(tree.text(each) ?? "").every((name) =>
        !this.#isOurs(name) && !this.#given.has(name)
      )
    );
  }

  /** Whether a further file of the tree may be added. */
  #isWithinLimits(path: string): boolean {
    if (!this.#along.has(path)) return this.#added.size < MAX_LIBRARY;
    const { length } = this.of.tree.text(path) ?? "";
    const count = [...this.#added.keys()].filter((each) => this.#along.has(each)).length;
    if (count >= MOST_ALONG || this.#alongCharacters + length > MOST_ALONG_CHARACTERS) return false;
    this.#alongCharacters += length;
    return true;
  }

  /**
   * Names that have a wrapper and that files of the tree among the driver's define: functions of the tree's
   * page_pool.
   */
  #wrappedIn(texts: readonly string[]): readonly string[] {
    const names = new Set(
      [...this.#ours.get(WRAPPING)!.matchAll(WRAPPED)].map(([, name]) => name!),
    );
    return texts.flatMap(definedIn).filter((name) => names.has(name));
  }

  get #isOutOfTree(): boolean {
    return [...this.#own].some((path) => path.startsWith(`${MODULE_FOLDER}/`));
  }

  /**
   * Compiles and adds a file.
   * @returns False if the file has been tried before, does not compile, or is beyond the limit. The
   *   functions of a file that was not added are stubs.
   */
  async #add(path: string): Promise<boolean> {
    const own = this.#ours.get(path);
    // dmalab's own files are exempt from the limit, so that a large module cannot displace them.
    if (this.#tried.has(path)) return false;
    if (own === undefined && !this.#isWithinLimits(path)) return false;
    this.#tried.add(path);
    const { build, settings } = this;
    const unit = await build.unit(path, settings, own === undefined ? {} : { [path]: own });
    const made = await this.#compiled(unit, path);
    if (made.module === null && own !== undefined) {
      throw new TreeError(
        `The tree does not compile with dmalab's ${path}`,
        firstError(made.said),
      );
    }
    if (made.module === null) {
      if (this.#along.has(path)) this.#problems.push(`${path}: ${firstError(made.said)}`);
      return false;
    }
    const text = this.#decoder.decode(made.module);
    // Put first, so that dmalab's definition counts: the linker takes the first of two.
    if (own !== undefined) {
      this.#texts.unshift(text);
      return true;
    }
    const starting = this.#startsFirst(path) ? withInitFunction(text) : null;
    if (starting !== null) this.#starting.set(path, starting.level);
    this.#added.set(path, starting?.ir ?? text);
    if (this.#iterating.has(path)) this.#paths.set(unit.source, this.of.tree.placeOf(path));
    await this.#addBeside(path);
    return true;
  }

  async #compiled(unit: Unit, path: string): Promise<Compiled> {
    const { build, settings } = this;
    const compile = (of: Unit, ...flags: readonly string[]) =>
      build.compile(of, [...TREE_ARGUMENTS, ...LIBRARY, ...flags, ...IR]);
    if (this.#ours.has(path)) return await compile(unit, HIDDEN);
    if (!this.#others.has(path)) return await compile(unit);
    const plain = await compile(unit, "-DMODULE");
    if (plain.module !== null) return plain;
    return await this.repairs.of(
      plain,
      path,
      settings,
      (of, more) => compile(of, "-DMODULE", ...more),
    );
  }

  /**
   * Adds the other files of the module to which an added file belongs, because the added file may call them.
   * Also adds the file with the module's init function.
   */
  async #addBeside(path: string): Promise<void> {
    const { build: { makefiles }, of: { tree } } = this;
    const module = makefiles.moduleOf(path, this.#isSet);
    if (this.#along.has(path)) {
      for (const each of module) this.#along.add(each);
    }
    for (const [name, file] of exportsIn(module.map((each) => [each, tree.text(each) ?? ""]))) {
      if (!this.#exported.has(name)) this.#exported.set(name, file);
    }
    if (this.#startsFirst(path)) {
      const starting = module.filter((each) => hasInit(tree.text(each) ?? ""));
      for (const each of starting) await this.#add(each);
      return;
    }
    if (this.#others.has(path) || module.some((each) => this.#own.has(each))) return;
    const starting = module.filter((each) => this.#others.has(each));
    if (starting.some((each) => this.#tried.has(each))) return;
    if (starting[0] !== undefined) await this.#add(starting[0]);
  }

  /**
   * Whether a file belongs to a part of the kernel whose init functions run before the driver's: a file that is
   * compiled along, or one of another module in the driver's folder of the tree.
   */
  #startsFirst(path: string): boolean {
    return this.#along.has(path) || this.#siblings.has(path);
  }

  /** The texts to link, with the table of the modules that start first. */
  async #linked(
    texts: readonly string[],
    modules: readonly string[],
  ): Promise<readonly string[]> {
    const beside = [...this.#added].filter(([path]) => !modules.includes(path))
      .map(([, text]) => text);
    const known = new Set([...texts, ...this.#texts, ...beside].flatMap(definedIn));
    const others = modules.map((path, number) => {
      const text = this.#added.get(path)!;
      const exported = new Set(exportedNames(this.of.tree.text(path) ?? ""));
      const clashing = definedIn(text).filter((name) => known.has(name) && !exported.has(name));
      for (const name of definedIn(text)) known.add(name);
      return asOtherModule(text, number, clashing);
    });
    const table = modules.length === 0 ? [] : [await this.#table(modules)];
    return [...this.#texts, ...beside, ...others, ...table].map(asLibrary);
  }

  async #table(modules: readonly string[]): Promise<string> {
    const { build, settings } = this;
    const source = modulesSource(
      modules.map((path) => {
        const isOfTree = this.#starting.has(path);
        return { name: isOfTree ? path : path.slice(MODULE_FOLDER.length + 1), isOfTree };
      }),
    );
    const unit = await build.unit(MODULES, settings, { [MODULES]: source });
    const { module, said } = await build.compile(unit, [...TREE_ARGUMENTS, ...IR]);
    if (module === null) {
      throw new TreeError("The table of modules does not compile", firstError(said));
    }
    return this.#decoder.decode(module);
  }

  readonly #isSet = (symbol: string): boolean => this.settings.values.has(symbol);

  /** The names exported by files that the tree builds together with the driver's own files. */
  #companions(): ReadonlyMap<string, string> {
    const { build: { makefiles }, of: { tree } } = this;
    const isOurs = (name: string) => this.#isOurs(name) || this.#given.has(name);
    const paths = [...this.#own];
    const siblings = paths.flatMap((path) => [
      ...siblingsOf(tree, path, makefiles, this.#isSet, isOurs),
    ]).filter(([path]) => !this.#others.has(path));
    if (!this.#isOutOfTree) {
      for (const [path] of siblings) {
        for (const each of [path, ...makefiles.moduleOf(path, this.#isSet)]) {
          this.#siblings.add(each);
        }
      }
    }
    return new Map([
      ...this.#isOutOfTree ? this.#ofModule() : [],
      ...exportsIn(siblings),
      ...exportsIn(
        paths.flatMap((
          path,
        ) => [...companionsOf(tree, path, makefiles.moduleOf(path, this.#isSet))]),
      ),
    ]);
  }

  /**
   * The names that sources in an out-of-tree module's folder define, if its makefiles do not name the
   * module's sources: no makefile builds the driver, or a program would list them.
   */
  #ofModule(): ReadonlyMap<string, string> {
    if (this.#isListed) return new Map();
    return exportsIn(this.#sources().filter(([, text]) => !INIT.test(text)));
  }

  /** Whether makefiles name all sources of the driver's module. */
  get #isListed(): boolean {
    return [...this.#own].some((path) => this.build.makefiles.listsModuleOf(path));
  }

  #otherModules(): ReadonlyMap<string, string> {
    const { makefiles } = this.build;
    return new Map(
      this.#sources().filter(([path, text]) =>
        INIT.test(text) && !this.#own.has(path) && (!this.#isListed || makefiles.builds(path))
      ),
    );
  }

  #sources(): readonly (readonly [path: string, text: string])[] {
    return this.build.units.sourcesOfModule().filter(([path, text]) =>
      path.endsWith(".c") && !PROGRAM.test(text)
    );
  }
}

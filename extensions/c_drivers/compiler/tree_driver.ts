/** A driver that is compiled with a kernel tree: a file of the tree as it is, or one beside a scenario. */
import type { DeviceShape } from "../tree/of_tree.ts";
import { SG, SG_BYTES } from "../calls/lists.ts";
import { asFurther, asLibrary, IR, missingIn, pointersIn, withStorage } from "../tree/ir.ts";
import { layoutError, layoutSource, type LayoutWanted, TreeLayout } from "../tree/layout.ts";
import { companionsOf, exportsIn, libraryOf, requestFilesOf, siblingsOf } from "../tree/library.ts";
import type { Settings } from "../tree/settings.ts";
import { hasTreeFunction } from "../tree/kernel_abi.ts";
import { MODULE_FOLDER, resolveKernel, TreeError, treePath } from "@dmalab/runtime/kernels";
import { TREE_ARGUMENTS } from "../tree/unit.ts";
import { SourceFile } from "@dmalab/lang";
import type { CompiledC } from "@dmalab/lang/values";
import {
  type CompileRequest,
  type FileOfDriver,
  readHeaders,
  readTreeHeaders,
  type SourceOfTree,
  SUPPORT,
} from "@dmalab/cli";
import { CHECKABLE, type Compiled, COMPILING, KEEP_COUNTERS, LINKING, TARGET } from "./clang.ts";
import { moduleOf } from "./made_module.ts";
import { saidDiagnostics } from "./said_diagnostics.ts";
import { firstError, moduleFlag, TreeBuild } from "./tree_build.ts";
import { CompilerError, type TreeClang } from "./tree_clang.ts";

/** Code of a header's inline function is at the line of the driver's call of it. */
const PLACED = [...CHECKABLE, "-finline-hint-functions", "-gno-inline-line-tables"];

/** For a library: no variables are shown. */
const LIBRARY = [...PLACED, "-gline-tables-only"];

/** A file of the tree in the compiler's messages. */
const NAMED = /^tree\/([^:\n]+):\d/gm;

const LAYOUT = "lab/layout.c";
/** Among what files of a tree are compiled with. */
const OUR_LIBRARY = /^dmalab\/.*\.c$/;
/** Assembled code has been optimised. */
const ASSEMBLING = [
  ...TARGET,
  ...KEEP_COUNTERS,
  "-Xclang",
  "-disable-llvm-passes",
  "-Wno-override-module",
];
/** Files of a tree may declare each other's functions with other types. */
const TREE_LINKING = [...LINKING, "-Wl,--no-fatal-warnings", "-Wl,--allow-undefined"];
const INIT = /\b(?:module_init|module_pci_driver|int\s+main)\s*\(/;
/** Functions that scripts do not see. */
const HIDDEN = "-fvisibility=hidden";
/** What compiled code calls and its text does not name. */
const COMPILERS_OWN = ["__multi3"];
/** Files of the library that one driver is linked with. */
const MAX_LIBRARY = 80;

const WANTED: LayoutWanted = {
  headers: ["linux/pci.h", "linux/scatterlist.h"],
  structs: {
    device: ["init_name"],
    pci_dev: ["dev"],
    scatterlist: Object.keys(SG),
  },
};

/** Compiles a driver with its tree, or says why not. */
export async function compileWithTree(
  wanted: CompileRequest,
  of: SourceOfTree,
  clang: TreeClang,
): Promise<CompiledC> {
  try {
    return await new TreeDriver(wanted, of, new TreeBuild(of.tree, clang)).compile();
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    const code = error instanceof CompilerError ? error.code : "E0713";
    return { module: null, code, problem: error.message, hint: error.hint };
  }
}

/** The files that are linked with a driver besides its own. */
interface Library {
  readonly texts: readonly string[];
  /** Those of the tree that iterate requests, by the names that the compiler knows. */
  readonly paths: ReadonlyMap<string, string>;
}

class TreeDriver {
  readonly #decoder = new TextDecoder();

  constructor(
    readonly wanted: CompileRequest,
    readonly of: SourceOfTree,
    readonly build: TreeBuild,
  ) {}

  async compile(): Promise<CompiledC> {
    const { build, of: { files }, wanted: { config } } = this;
    this.#checkRelease(config.kernel);
    const settings = build.settings(
      files.flatMap(({ path, source }) =>
        path === null ? build.units.sourcesIn(source.text) : [path]
      ),
      config.pageSizeBytes,
    );
    const made = await this.#compileFor(settings);
    if (made.module !== null) return made;
    for (const each of build.elsewhere(settings)) {
      const other = await this.#compileFor(each);
      if (other.module !== null) return other;
    }
    if ("diagnostics" in made) this.#checkMachine(made.diagnostics[0]?.message);
    return made;
  }

  async #compileFor(settings: Settings): Promise<CompiledC> {
    const { build, of: { files, stubs }, wanted: { config, source } } = this;
    await build.checkSettings(settings);
    const behaviour = resolveKernel(config);
    const target = { kernel: config.kernel, pageSizeBytes: config.pageSizeBytes, behaviour };
    const sources = new Map<string, SourceFile>();
    const texts: string[] = [];
    for (const file of files) {
      const made = await this.#file(file, settings, sources);
      if (made.module === null) {
        const compilation = { main: file.source, sources, refused: new Map(), target };
        return { module: null, diagnostics: saidDiagnostics(made, compilation) };
      }
      texts.push(this.#decoder.decode(made.module));
    }
    const layout = await this.#layout(settings);
    const support = await this.#support();
    const library = await this.#library([...texts, support], settings);
    const [first, ...others] = [
      ...texts.map((text, at) => at === 0 ? withStorage(text) : asFurther(text)),
      support,
      ...library.texts.map(asLibrary),
    ];
    const linked = await build.link([...others, first!], ASSEMBLING, TREE_LINKING);
    const compilation = { main: source, sources, refused: new Map(), target };
    const said = saidDiagnostics(linked, compilation);
    return moduleOf(linked, source, sources, said, {
      device: layout,
      architecture: settings.architecture?.name ?? null,
      stubs,
      pointers: pointersIn([...texts, ...library.texts]),
      library: library.paths,
    });
  }

  /** A file of another machine's that does not compile is no defect of it. */
  #checkMachine(said: string | undefined): void {
    for (const { path } of this.of.files) {
      const { lacking } = this.build.settings(path === null ? [] : [path]);
      if (lacking.length === 0) continue;
      throw new TreeError(
        `${path} is built only for machines with ${lacking.join(", ")}, which the lab's has not`,
        said,
      );
    }
  }

  /** Compiles a file of the driver. @param sources Gets it, by the name that the compiler knows. */
  async #file(
    { path, source }: FileOfDriver,
    settings: Settings,
    sources: Map<string, SourceFile>,
  ): Promise<Compiled> {
    const { build } = this;
    // No file of the tree has this path.
    const own = `driver/${sources.size}.c`;
    const unit = await build.unit(
      path ?? own,
      settings,
      path === null ? { [own]: source.text } : {},
    );
    sources.set(unit.source, source);
    for (const included of path === null ? build.units.sourcesIn(source.text) : []) {
      const text = this.of.tree.text(included);
      if (text === null) continue;
      // The compiler finds it from the tree's root, "." there.
      sources.set(`tree/./${included}`, new SourceFile(this.of.tree.placeOf(included), text));
    }
    // A file that is always built in is loaded here as a module, if it compiles as one.
    const compile = (flags: readonly string[]) =>
      build.compile(unit, [...TREE_ARGUMENTS, ...PLACED, ...flags, ...IR]);
    const asModule = await compile(["-DMODULE"]);
    const isOther = path !== null && moduleFlag(build.settings([path])).length === 0;
    const made = asModule.module === null && isOther ? await compile([]) : asModule;
    if (made.module === null) this.#addNamed(made.said, sources);
    return made;
  }

  /** Adds the files of the tree that the compiler names: an error can lie in a header. */
  #addNamed(said: string, sources: Map<string, SourceFile>): void {
    const { tree } = this.of;
    for (const [, name] of said.matchAll(NAMED)) {
      const path = treePath(name!);
      const text = sources.has(`tree/${name}`) ? null : tree.text(path);
      if (text !== null) {
        sources.set(`tree/${name}`, new SourceFile(tree.placeOf(path), text));
      }
    }
  }

  /** Files of the lab's and of the tree's library, until nothing is missing that one of them exports. */
  async #library(texts: readonly string[], settings: Settings): Promise<Library> {
    const { build, of: { files, tree } } = this;
    const library: string[] = [];
    const paths = new Map<string, string>();
    const ours = new Map(
      Object.entries(readTreeHeaders()).filter(([path]) => OUR_LIBRARY.test(path)),
    );
    // These count before the lab's functions of the same name.
    const first = new Map([...exportsIn(requestFilesOf(tree)), ...exportsIn(ours)]);
    const iterating = new Set([...requestFilesOf(tree)].map(([path]) => path));
    const given = exportsIn(
      files.filter(({ path }) => path === null).map(({ source }) => [source.name, source.text]),
    );
    const isOurs = (name: string) => first.has(name) || hasTreeFunction(name) || given.has(name);
    const exported = new Map([
      ...exportsIn(libraryOf(tree)),
      ...this.#companions(settings, isOurs),
    ]);
    const tried = new Set<string>();
    for (let added = true; added;) {
      added = false;
      for (const name of [...COMPILERS_OWN, ...missingIn([...texts, ...library])]) {
        const path = first.get(name) ??
          (hasTreeFunction(name) ? undefined : exported.get(name));
        if (path === undefined || tried.has(path) || tried.size >= MAX_LIBRARY) continue;
        tried.add(path);
        const own = ours.get(path);
        const unit = await build.unit(path, settings, own === undefined ? {} : { [path]: own });
        const flags = own === undefined ? [] : [HIDDEN];
        const made = await build.compile(unit, [...TREE_ARGUMENTS, ...LIBRARY, ...flags, ...IR]);
        if (made.module === null && own !== undefined) {
          throw new TreeError(
            `The tree does not compile with dmalab's ${path}`,
            firstError(made.said),
          );
        }
        // Where one does not compile, its functions are stubs.
        if (made.module === null) continue;
        const text = this.#decoder.decode(made.module);
        // Where both define a name, ours counts: the linker takes the first of two.
        if (own === undefined) {
          library.push(text);
          // It calls what the other files of its module have.
          for (const [name, file] of this.#moduleOf(path, settings)) {
            if (!exported.has(name)) exported.set(name, file);
          }
          if (iterating.has(path)) paths.set(unit.source, tree.placeOf(path));
        } else library.unshift(text);
        added = true;
      }
    }
    return { texts: library, paths };
  }

  /** The exports of the files that the tree builds together with its own files of the driver. */
  #companions(
    settings: Settings,
    isOurs: (name: string) => boolean,
  ): ReadonlyMap<string, string> {
    const { build: { makefiles }, of: { files, tree } } = this;
    const isSet = (symbol: string) => settings.values.has(symbol);
    const paths = files.flatMap(({ path }) => path ?? []);
    return new Map([
      ...exportsIn(
        paths.flatMap((path) => [...siblingsOf(tree, path, makefiles, isSet, isOurs)]),
      ),
      ...exportsIn(
        paths.flatMap((
          path,
        ) => [...companionsOf(tree, path, makefiles.moduleOf(path, isSet))]),
      ),
      ...paths.some((path) => path.startsWith(`${MODULE_FOLDER}/`)) ? this.#ofModule() : [],
    ]);
  }

  /**
   * What sources of an out-of-tree module's folder define. Its makefile may list them by a program's answer. Sources with
   * an init function are other modules.
   */
  #ofModule(): ReadonlyMap<string, string> {
    const sources = this.build.units.sourcesOfModule().filter(([path, text]) =>
      path.endsWith(".c") && !INIT.test(text)
    );
    return exportsIn(sources);
  }

  /** The names that the other files of a module define. */
  #moduleOf(path: string, settings: Settings): ReadonlyMap<string, string> {
    const { build: { makefiles }, of: { tree } } = this;
    const module = makefiles.moduleOf(path, (symbol) => settings.values.has(symbol));
    return exportsIn(module.map((each) => [each, tree.text(each) ?? ""] as const));
  }

  /** Only the first two numbers of the release must match. */
  #checkRelease(kernel: string): void {
    const { major, name, patch } = this.build.version;
    if (kernel.startsWith(`${major}.${patch}.`)) return;
    throw new TreeError(
      `The tree is ${name}, and the kernel of the machine is ${kernel}`,
      `write \`kernel = "${major}.${patch}"\`, if that release is modelled, or name another tree`,
    );
  }

  /** How the tree lays out what the lab reads and writes. */
  async #layout(settings: Settings): Promise<DeviceShape> {
    const { build } = this;
    const unit = await build.unit(LAYOUT, settings, { [LAYOUT]: layoutSource(WANTED) });
    const { module, said } = await build.compile(unit, [...TREE_ARGUMENTS, ...IR]);
    if (module === null) throw layoutError(build.version.name, said);
    const layout = new TreeLayout(WANTED, this.#decoder.decode(module));
    const lists = Object.entries(SG).every(([member, offset]) =>
      layout.offsetOf(`scatterlist.${member}`) === offset
    );
    if (!lists || layout.sizeOf("scatterlist") !== SG_BYTES) {
      throw new TreeError(
        `struct scatterlist of ${build.version.name} differs from the layout that dmalab uses`,
      );
    }
    return {
      sizeBytes: layout.sizeOf("pci_dev"),
      deviceAt: layout.offsetOf("pci_dev.dev"),
      nameAt: layout.offsetOf("device.init_name"),
    };
  }

  async #support(): Promise<string> {
    const files = { [`extensions/c_drivers/include/${SUPPORT}`]: readHeaders()[SUPPORT]! };
    const unit = { source: `extensions/c_drivers/include/${SUPPORT}`, args: [], files };
    const { module, said } = await this.build.compile(unit, [...COMPILING, ...IR]);
    if (module === null) {
      throw new TreeError("The tree does not compile with dmalab's support file", firstError(said));
    }
    return this.#decoder.decode(module);
  }
}

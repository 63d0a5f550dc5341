/** Compiles a driver with a kernel tree: an unmodified file of the tree, or a file beside a scenario. */
import type { DeviceShape } from "../tree/of_tree.ts";
import { SG, SG_BYTES } from "../calls/lists.ts";
import { shortPath } from "@dmalab/cli/extend";
import {
  asFurther,
  hasInitFunction,
  IR,
  pointersIn,
  withInitFunction,
  withStorage,
} from "../tree/ir.ts";
import { hasInit } from "../tree/other_modules.ts";
import { layoutError, layoutSource, type LayoutWanted, TreeLayout } from "../tree/layout.ts";
import type { Settings } from "../tree/settings.ts";
import { MODULE_FOLDER, resolveKernel, TreeError, treePath } from "@dmalab/runtime/kernels";
import { TREE_ARGUMENTS, type Unit } from "../tree/unit.ts";
import { SourceFile } from "@dmalab/lang";
import { type Diagnostic, printable } from "@dmalab/lang/diagnostics";
import type { CompiledC } from "@dmalab/lang/values";
import {
  type CompileRequest,
  currentFolder,
  type FileOfDriver,
  isCompilerKept,
  readHeaders,
  type SourceOfTree,
  SUPPORT,
  type WantingLoader,
} from "@dmalab/cli";
import { type Compiled, COMPILING, KEEP_COUNTERS, LINKING, TARGET } from "./clang.ts";
import { type MendedError, ModuleRepairs } from "./module_repairs.ts";
import { moduleOf } from "./made_module.ts";
import { saidDiagnostics } from "./said_diagnostics.ts";
import { TreeCompiler } from "./system_clang.ts";
import { firstError, moduleFlag, TreeBuild } from "./tree_build.ts";
import { CompilerError, type TreeClang } from "./tree_clang.ts";
import { PLACED, TreeLibrary } from "./tree_library.ts";

/** Matches a file of the tree in the compiler's messages. */
const NAMED = /^tree\/([^:\n]+):\d/gm;

const LAYOUT = "lab/layout.c";
const NOTHING = new Uint8Array();
/** Arguments for compiling LLVM IR to an object without optimising it again. */
const ASSEMBLING = [
  ...TARGET,
  ...KEEP_COUNTERS,
  "-Xclang",
  "-disable-llvm-passes",
  "-Wno-override-module",
];
/**
 * Files of a tree may declare each other's functions with different types. Therefore warnings about
 * such types are not fatal.
 */
const TREE_LINKING = [...LINKING, "-Wl,--no-fatal-warnings", "-Wl,--allow-undefined"];

const WANTED: LayoutWanted = {
  headers: ["linux/pci.h", "linux/scatterlist.h"],
  structs: {
    device: ["init_name"],
    pci_dev: ["dev"],
    scatterlist: Object.keys(SG),
  },
};

/** A driver with the tree that it is compiled with, and where its module is put. */
export interface DriverOfTree {
  readonly wanted: CompileRequest;
  readonly loader: WantingLoader;
  readonly of: SourceOfTree;
}

/** Compiles drivers, each with its tree. @param timeMs Processor time limit for each file. */
export async function compileWithTrees(
  drivers: readonly DriverOfTree[],
  timeMs: number,
): Promise<void> {
  const clang = new TreeCompiler(timeMs);
  try {
    for (const { loader, of, wanted } of drivers) {
      loader.shelf.put(wanted, await compileWithTree(wanted, of, clang));
    }
  } finally {
    if (!isCompilerKept()) await clang.close();
  }
}

/** Compiles a driver with its tree. @returns The module, or why it cannot be compiled. */
async function compileWithTree(
  wanted: CompileRequest,
  of: SourceOfTree,
  clang: TreeClang,
): Promise<CompiledC> {
  try {
    const given = of.flags.filter((flag) => !flag.startsWith("-"));
    return await new TreeDriver(wanted, of, new TreeBuild(of.tree, clang, true, given)).compile();
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    const code = error instanceof CompilerError ? error.code : "E0713";
    return { module: null, code, problem: error.message, hint: error.hint };
  }
}

/** Something that the kernel's build refuses, and that is filled in here. */
function asWarning(diagnostic: Diagnostic): Diagnostic {
  return { ...diagnostic, severity: "warning", code: "W0308" };
}

/** A compiled file of a driver, with what was filled in. */
interface CompiledFile extends Compiled {
  readonly mended?: readonly MendedError[];
}

class TreeDriver {
  readonly #decoder = new TextDecoder();
  readonly #repairs: ModuleRepairs;

  constructor(
    readonly wanted: CompileRequest,
    readonly of: SourceOfTree,
    readonly build: TreeBuild,
  ) {
    this.#repairs = new ModuleRepairs(build);
  }

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
    const { build, of: { stubs }, wanted: { config, source } } = this;
    await build.checkSettings(settings);
    const behaviour = resolveKernel(config);
    const target = { kernel: config.kernel, pageSizeBytes: config.pageSizeBytes, behaviour };
    const sources = new Map<string, SourceFile>();
    const texts: string[] = [];
    const errors: Diagnostic[] = [];
    const differing: Diagnostic[] = [];
    const files = this.#withModule(settings);
    for (const file of files) {
      const made = await this.#file(file, settings, sources);
      const compilation = { main: file.source, sources, refused: new Map(), target };
      if (made.module === null) errors.push(...saidDiagnostics(made, compilation));
      else texts.push(this.#decoder.decode(made.module));
      for (const { hint, said } of made.mended ?? []) {
        const found = saidDiagnostics({ module: NOTHING, said }, compilation).map(asWarning);
        differing.push(...found.map((each) => hint === null ? each : { ...each, hint }));
      }
    }
    // A module of which a source is missing is not run.
    if (errors.length > 0) return { module: null, diagnostics: [...errors, ...differing] };
    this.#addInitFunction(texts);
    const layout = await this.#layout(settings);
    const support = await this.#support();
    const library = await new TreeLibrary({ ...this.of, files }, build, settings, this.#repairs)
      .collect([
        ...texts,
        support,
      ]);
    const [first, ...others] = [
      ...texts.map((text, at) => at === 0 ? withStorage(text) : asFurther(text)),
      support,
      ...library.texts,
    ];
    const wraps = library.wrapped.map((name) => `-Wl,--wrap=${name}`);
    const linked = await build.link(
      [...others, first!],
      ASSEMBLING,
      [...TREE_LINKING, ...wraps],
    );
    const compilation = { main: source, sources, refused: new Map(), target };
    const said = [...differing, ...saidDiagnostics(linked, compilation)];
    return moduleOf(linked, source, sources, said, {
      device: layout,
      architecture: settings.architecture?.name ?? null,
      stubs,
      pointers: pointersIn([...texts, ...library.texts]),
      library: library.paths,
      along: library.along,
    });
  }

  /** Gives a driver that only runs built into the kernel, by its initcalls, an init function. */
  #addInitFunction(texts: string[]): void {
    if (texts.some(hasInitFunction)) return;
    const at = texts.findIndex((text) => withInitFunction(text) !== null);
    if (at >= 0) texts[at] = withInitFunction(texts[at]!)!.ir;
  }

  /**
   * The driver's files, with other sources of the module that the first one belongs to. An out-of-tree module adds all
   * of its sources. A module of a tree adds the sources with the init function if the driver's files have none, and
   * `TreeLibrary` adds the functions that they call.
   */
  #withModule(settings: Settings): readonly FileOfDriver[] {
    const { build: { makefiles }, of: { files, tree } } = this;
    const [main] = files.flatMap(({ path }) => path ?? []);
    if (main === undefined) return files;
    const module = makefiles.moduleOf(main, (symbol) => settings.values.has(symbol));
    const starts = (path: string) => hasInit(tree.text(path) ?? "");
    const isStarted = files.some(({ source }) => hasInit(source.text));
    const others = main.startsWith(`${MODULE_FOLDER}/`)
      ? module
      : isStarted
      ? []
      : module.filter(starts);
    return [
      ...files,
      ...others.filter((path) => files.every((file) => file.path !== path)).map((path) => ({
        source: new SourceFile(this.#nameOf(path), tree.text(path) ?? ""),
        path,
      })),
    ];
  }

  /** The name of a file of the tree in messages. */
  #nameOf(path: string): string {
    return printable(shortPath(this.of.tree.placeOf(path), currentFolder()));
  }

  /**
   * Throws an error if a file is built only for other machines. Without this check, the file's
   * compile errors would be reported.
   */
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

  /** Compiles a file of the driver. @param sources Receives the file, by its name for the compiler. */
  async #file(
    { path, source }: FileOfDriver,
    settings: Settings,
    sources: Map<string, SourceFile>,
  ): Promise<CompiledFile> {
    const { build } = this;
    // A path that no file of the tree has.
    const own = `driver/${sources.size}.c`;
    const texts = path === null ? { [own]: source.text } : {};
    const unit = await build.unit(path ?? own, settings, texts);
    sources.set(unit.source, source);
    this.#addIncluded(unit, sources);
    const given = this.of.flags.filter((flag) => flag.startsWith("-"));
    // A file that is always built into the kernel is loaded as a module here, if it compiles as a
    // module.
    const compile = (flags: readonly string[], of = unit) =>
      build.compile(of, [...TREE_ARGUMENTS, ...PLACED, ...flags, ...given, ...IR]);
    const asModule = await compile(["-DMODULE"]);
    const isModule = path?.startsWith(`${MODULE_FOLDER}/`) === true;
    // The kernel's build compiles an out-of-tree source as a module, or not at all.
    const isOther = path !== null && !isModule &&
      moduleFlag(build.settings([path])).length === 0;
    const made = asModule.module === null && isOther ? await compile([]) : asModule;
    if (made.module !== null) return made;
    const mended = isModule
      ? await this.#repairs.of(
        made,
        path,
        settings,
        (of, flags) => compile(["-DMODULE", ...flags], of),
      )
      : made;
    this.#addNamed(made.said + mended.said, sources);
    return mended;
  }

  /** Adds the sources that a file includes, so that their lines are those of their own files. */
  #addIncluded({ files, source }: Unit, sources: Map<string, SourceFile>): void {
    for (const name of Object.keys(files)) {
      if (!name.startsWith("tree/") || !name.endsWith(".c") || name === source) continue;
      const path = name.slice("tree/".length);
      const included = new SourceFile(this.#nameOf(path), this.of.tree.text(path) ?? "");
      sources.set(name, included);
      // A path from the tree's root in an include line is found in the folder ".".
      sources.set(`tree/./${path}`, included);
    }
  }

  /**
   * Adds the files of the tree that the compiler's messages name, because an error may be in a
   * header.
   */
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

  /** Checks the release: only the first two numbers must match. */
  #checkRelease(kernel: string): void {
    const { major, name, patch } = this.build.version;
    if (kernel.startsWith(`${major}.${patch}.`)) return;
    throw new TreeError(
      `The tree is ${name}, and the kernel of the machine is ${kernel}`,
      `write \`kernel = "${major}.${patch}"\`, if that release is modelled, or name another tree`,
    );
  }

  /** The tree's layout of the structures that the lab reads and writes. */
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

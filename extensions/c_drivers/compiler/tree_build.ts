/** Compiles files of a kernel tree, unmodified, against the tree's own headers. */
import { boundsHeader, generatedHeaders } from "../tree/generated.ts";
import { IR } from "../tree/ir.ts";
import type { Makefiles } from "../tree/makefile.ts";
import { type Settings, settingsFor, settingsOn, settingsProbe } from "../tree/settings.ts";
import { TreeError, type TreeFolders, type TreeVersion } from "@dmalab/runtime/kernels";
import { TreeReading } from "../tree/tree_reading.ts";
import { TREE_ARGUMENTS, type Unit, type UnitAdditions, type Units } from "../tree/unit.ts";
import { hashOf, readTreeHeaders } from "@dmalab/cli";
import { cacheModule, keptModule } from "./c_cache.ts";
import { asFromSource } from "./precompiled.ts";
import type { Compiled } from "./clang.ts";
import type { ClangFiles, TreeClang } from "./tree_clang.ts";

const BOUNDS = "kernel/bounds.c";
const PROBE = "lab/probe.c";
/** The configuration, for the compiler. */
const SETTINGS_HEADER = "lab/generated/autoconf.h";
const BOUNDS_HEADER = "generated/bounds.h";
/** Output to a stream: for a large file the compiler's own file system would take minutes. */
const STREAM = "-";
/** Name of an LLVM IR text that is compiled to an object. `LINKED` is the name of the linked module. */
const ASSEMBLED = "file.ll";
const LINKED = "linked.wasm";
/**
 * Largest number of architectures for which a file is tried: its symbols may belong to several of
 * them.
 */
const MAX_TRIED = 3;
const ERROR = / (?:fatal )?error: /;
const NO_HEADER = / fatal error: '[^'\n]+' file not found/;
const NOTHING = new Uint8Array();

/** A compiled file, or the compiler's messages if it does not compile. */
export interface BuiltFile extends Compiled {
  /**
   * Whether the file was read from the cache, under its name and the hash of everything that it
   * includes.
   */
  readonly isKept: boolean;
  /** Number of files that the compiled file may include. */
  readonly fileCount: number;
  /**
   * Set if the file does not compile in the usual way: "for powerpc", or "within" a file that
   * includes it.
   */
  readonly how?: string;
}

/** Files of one tree, compiled with one configuration. */
export class TreeBuild {
  readonly version: TreeVersion;
  readonly makefiles: Makefiles;
  readonly units: Units;
  readonly #read: TreeReading;
  readonly #headers = readTreeHeaders();
  /** The texts of `generated/bounds.h`, by configuration. */
  readonly #bounds = new Map<string, string>();

  /**
   * @param usesCache If false, cached files are compiled again.
   * @param given Variables of an out-of-tree module's makefiles: `DEBUG=1`.
   */
  constructor(
    readonly files: TreeFolders,
    readonly clang: TreeClang,
    readonly usesCache = true,
    given: readonly string[] = [],
  ) {
    this.#read = TreeReading.of(files, given);
    this.version = this.#read.version;
    this.makefiles = this.#read.makefiles;
    this.units = this.#read.units;
  }

  /** The configuration needed for some files. @throws {TreeError} */
  settings(paths: readonly string[], pageSizeBytes?: number): Settings {
    return settingsFor(paths, this.#read.kconfig, this.makefiles, pageSizeBytes);
  }

  /**
   * The texts from which a file is compiled.
   * @param own Texts in addition to the tree's texts, by their paths.
   * @param added What a module's source gets because it does not compile without it.
   */
  async unit(
    path: string,
    settings: Settings,
    own: Readonly<Record<string, string>> = {},
    added?: UnitAdditions,
  ): Promise<Unit> {
    const headers = { ...this.#headers, ...generatedHeaders(this.version, settings) };
    const key = headers["generated/autoconf.h"]!;
    let bounds = this.#bounds.get(key);
    if (bounds === undefined) {
      const unit = this.units.unit(BOUNDS, { ...headers, [BOUNDS_HEADER]: "" });
      const { module, said } = await this.compile(unit, [...TREE_ARGUMENTS, ...IR]);
      bounds = module === null ? "" : boundsHeader(new TextDecoder().decode(module));
      if (bounds === "") {
        throw new TreeError(`The tree's ${BOUNDS} does not compile`, firstError(said));
      }
      this.#bounds.set(key, bounds);
    }
    const ours = { ...headers, [BOUNDS_HEADER]: bounds };
    return this.units.unit(path, ours, own, settings.architecture, added);
  }

  /**
   * Checks the required symbols against the tree's own headers, before the driver runs.
   * @throws {TreeError} If the tree does not accept the settings.
   */
  async checkSettings(settings: Settings): Promise<void> {
    const unit = await this.unit(PROBE, settings, { [PROBE]: settingsProbe() });
    const { module, said } = await this.compile(unit, [...TREE_ARGUMENTS, ...IR]);
    if (module === null) {
      throw new TreeError("The tree does not accept the configuration", firstError(said));
    }
  }

  /**
   * Compiles a unit, or reads the result from the cache.
   * @param args The arguments common to all units.
   */
  async compile({ args: own, files, source }: Unit, args: readonly string[]): Promise<BuiltFile> {
    const made = await this.#made([...args, ...own, source], files, STREAM);
    return { ...made, fileCount: Object.keys(files).length };
  }

  /**
   * Links texts in LLVM IR into a module. Each text becomes a separate object. If one of many texts
   * has changed, the objects of the others are therefore read from the cache.
   *
   * @param assembling Arguments that compile a text to an object.
   * @param texts In the linker's order: if several texts define a name, the first text counts.
   */
  async link(
    texts: readonly string[],
    assembling: readonly string[],
    linking: readonly string[],
  ): Promise<Compiled> {
    const objects: Record<string, Uint8Array<ArrayBuffer>> = {};
    let said = "";
    for (const [at, text] of texts.entries()) {
      const unit = { source: ASSEMBLED, args: [], files: { [ASSEMBLED]: text } };
      const made = await this.compile(unit, [...assembling, "-c"]);
      if (made.module === null) return made;
      said += made.said;
      objects[`${at}.o`] = made.module;
    }
    const args = [...linking, ...Object.keys(objects)];
    const made = await this.#made(args, objects, LINKED);
    return { ...made, said: said + made.said };
  }

  /** Runs the compiler, or reads its result from the cache. */
  async #made(
    args: readonly string[],
    files: ClangFiles,
    output: string,
  ): Promise<Compiled & { readonly isKept: boolean }> {
    const key = `tree-${await this.#keyOf(args, files)}`;
    const form = args.includes("-emit-llvm") ? "ir" : "wasm";
    const kept = this.usesCache ? await keptModule(key, form) : null;
    if (kept !== null) {
      return { ...kept, module: kept.module?.length === 0 ? null : kept.module, isKept: true };
    }
    // Every driver needs this header. If the header is not cached, no file of this tree is cached,
    // and many files will follow.
    if (args.at(-1) === `tree/${BOUNDS}`) this.clang.expectMany?.();
    const made = await this.#run(args, files, output);
    // Compile errors are cached too. Each run tries to compile the same files of the tree's
    // library, and a file that failed would fail again.
    const isKept = made.module !== null || ERROR.test(made.said);
    if (isKept && this.usesCache) await cacheModule(key, made.module ?? NOTHING, made.said);
    return { ...made, isKept: false };
  }

  /** Runs the compiler, with precompiled headers if they do not change the result. */
  async #run(args: readonly string[], files: ClangFiles, output: string): Promise<Compiled> {
    const { clang } = this;
    const precompiled = areTexts(files) ? await clang.precompiled.with(clang, args, files) : null;
    if (precompiled !== null) {
      const { module, said } = await clang.run(precompiled.args, precompiled.files, output);
      // Errors are discarded. The file is compiled again without the precompiled header, so that
      // the messages have the paths of the file's own headers.
      if (module !== null) {
        const ir = asFromSource(new TextDecoder().decode(module));
        return { module: new TextEncoder().encode(ir), said };
      }
    }
    return await clang.run(args, files, output);
  }

  /**
   * A hash of everything from which a file is compiled. Of the configuration only the symbols count that
   * one of the files names: so files that many drivers need are compiled once.
   */
  async #keyOf(args: readonly string[], all: ClangFiles): Promise<string> {
    const hashes: [path: string, hash: string][] = [];
    const settings = all[SETTINGS_HEADER];
    const files = typeof settings === "string"
      ? { ...all, [SETTINGS_HEADER]: this.#read.symbols.namedIn(settings, all) }
      : all;
    for (const [path, content] of Object.entries(files)) {
      let hash = typeof content === "string" ? this.#read.hashes.get(content) : undefined;
      if (hash === undefined) {
        hash = typeof content === "string" ? await hashOfText(content) : await hashOf(content);
        // Hashes of headers are kept, since most files include the same ones.
        if (typeof content === "string") this.#read.hashes.set(content, hash);
      }
      hashes.push([path, hash]);
    }
    return await hashOfText(JSON.stringify([await this.clang.identity(), args, hashes.toSorted()]));
  }

  /**
   * Compiles a file of the tree with the flags of its makefile. First it is compiled for the lab's
   * machine. If that fails and no makefile names the file, it is compiled within a file that
   * includes it. If that fails too, it is compiled for an architecture for which it is built.
   */
  async file(path: string, args: readonly string[]): Promise<BuiltFile> {
    if (this.files.text(path) === null) {
      throw new TreeError(`The tree has no ${path}`, "give paths relative to the tree's root");
    }
    const compile = async (settings: Settings) => {
      const unit = await this.unit(path, settings);
      return this.compile(unit, [...TREE_ARGUMENTS, ...moduleFlag(settings), ...args]);
    };
    const settings = this.settings([path]);
    let failed = await compile(settings);
    if (failed.module !== null) return failed;
    for (const each of this.makefiles.builds(path) ? [] : this.units.includersOf(path)) {
      const made = await this.file(each, args);
      const how = `within ${each}${made.how === undefined ? "" : ` ${made.how}`}`;
      if (made.module !== null) return { ...made, how };
    }
    for (const each of this.elsewhere(settings)) {
      const made = await compile(each);
      if (made.module !== null) return { ...made, how: `for ${each.architecture!.name}` };
      // If the file failed for the lab's machine only because a header is missing, the errors for
      // the other architecture are more useful.
      if (NO_HEADER.test(failed.said)) failed = made;
    }
    return failed;
  }

  /** The same settings for other architectures, if only these have the symbols that the files need. */
  *elsewhere(settings: Settings): Generator<Settings> {
    const { architectures, kconfig } = this.#read;
    const known = architectures.declaring(settings.elsewhere, kconfig);
    for (const each of known.slice(0, MAX_TRIED)) yield settingsOn(settings, each);
  }
}

function areTexts(files: ClangFiles): files is Unit["files"] {
  return Object.values(files).every((content) => typeof content === "string");
}

export function moduleFlag({ isModule }: Settings): readonly string[] {
  return isModule ? ["-DMODULE"] : [];
}

/** The compiler's first error. */
export function firstError(said: string): string {
  return said.split("\n").find((line) => ERROR.test(line)) ?? said.slice(0, 200);
}

function hashOfText(text: string): Promise<string> {
  return hashOf(new TextEncoder().encode(text));
}

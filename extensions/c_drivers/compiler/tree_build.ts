/** Compiles files of a kernel tree, unmodified, against the tree's own headers. */
import { boundsHeader, generatedHeaders } from "../tree/generated.ts";
import { IR } from "../tree/ir.ts";
import type { Makefiles } from "../tree/makefile.ts";
import { type Settings, settingsFor, settingsOn, settingsProbe } from "../tree/settings.ts";
import { TreeError, type TreeFolders, type TreeVersion } from "@dmalab/runtime/kernels";
import { TreeReading } from "../tree/tree_reading.ts";
import { TREE_ARGUMENTS, type Unit, type Units } from "../tree/unit.ts";
import { hashOf, readTreeHeaders } from "@dmalab/cli";
import { cacheModule, keptModule } from "./c_cache.ts";
import { asFromSource } from "./precompiled.ts";
import type { Compiled } from "./clang.ts";
import type { ClangFiles, TreeClang } from "./tree_clang.ts";

const BOUNDS = "kernel/bounds.c";
const PROBE = "lab/probe.c";
const BOUNDS_HEADER = "generated/bounds.h";
/** A large file takes the compiler's own file system minutes. */
const STREAM = "-";
/** A text of which an object is made, and a module of objects. */
const ASSEMBLED = "file.ll";
const LINKED = "linked.wasm";
/** Architectures that a file is tried for: its symbols can be of several. */
const MAX_TRIED = 3;
const ERROR = / (?:fatal )?error: /;
const NO_HEADER = / fatal error: '[^'\n]+' file not found/;
const NOTHING = new Uint8Array();

/** A file that was compiled, or what the compiler said of it. */
export interface BuiltFile extends Compiled {
  /** Its name with the hash of all that was read was found in the cache. */
  readonly isKept: boolean;
  /** How many files it may include. */
  readonly fileCount: number;
  /** "for powerpc", or "within" a file that includes it, where it does not compile as others do. */
  readonly how?: string;
}

/** Files of one tree, compiled with one configuration. */
export class TreeBuild {
  readonly version: TreeVersion;
  readonly makefiles: Makefiles;
  readonly units: Units;
  readonly #read: TreeReading;
  readonly #headers = readTreeHeaders();
  /** `generated/bounds.h` by the configuration. */
  readonly #bounds = new Map<string, string>();

  /** @param usesCache False compiles anew what is kept. */
  constructor(readonly files: TreeFolders, readonly clang: TreeClang, readonly usesCache = true) {
    this.#read = TreeReading.of(files);
    this.version = this.#read.version;
    this.makefiles = this.#read.makefiles;
    this.units = this.#read.units;
  }

  /** The configuration that files need. @throws {TreeError} */
  settings(paths: readonly string[], pageSizeBytes?: number): Settings {
    return settingsFor(paths, this.#read.kconfig, this.makefiles, pageSizeBytes);
  }

  /** The texts that a file is compiled from. @param own Texts beside the tree's, by their paths. */
  async unit(
    path: string,
    settings: Settings,
    own: Readonly<Record<string, string>> = {},
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
    return this.units.unit(path, ours, own, settings.architecture);
  }

  /** Checks the required symbols against the tree's own headers. @throws {TreeError} Before anything runs. */
  async checkSettings(settings: Settings): Promise<void> {
    const unit = await this.unit(PROBE, settings, { [PROBE]: settingsProbe() });
    const { module, said } = await this.compile(unit, [...TREE_ARGUMENTS, ...IR]);
    if (module === null) {
      throw new TreeError("The tree does not accept the configuration", firstError(said));
    }
  }

  /** Compiles a unit, or takes it from the cache. @param args The common ones. */
  async compile({ args: own, files, source }: Unit, args: readonly string[]): Promise<BuiltFile> {
    const made = await this.#made([...args, ...own, source], files, STREAM);
    return { ...made, fileCount: Object.keys(files).length };
  }

  /**
   * Makes a module of texts in LLVM's own language. Each text becomes a separate object: where one of
   * many has changed, the others come from the cache.
   *
   * @param assembling Arguments that make an object of a text.
   * @param texts In the linker's order: where several define a name, the first one counts.
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

  /** Runs the compiler, or takes what it makes from the cache. */
  async #made(
    args: readonly string[],
    files: ClangFiles,
    output: string,
  ): Promise<Compiled & { readonly isKept: boolean }> {
    const key = `tree-${await this.#keyOf(args, files)}`;
    const kept = this.usesCache ? await keptModule(key) : null;
    if (kept !== null) {
      return { ...kept, module: kept.module?.length === 0 ? null : kept.module, isKept: true };
    }
    // Every driver needs it: nothing of this tree is kept.
    if (args.at(-1) === `tree/${BOUNDS}`) this.clang.expectMany?.();
    const made = await this.#run(args, files, output);
    // An error in a file is the same the next time, so it is kept: each run tries a file of the
    // tree's library.
    const isKept = made.module !== null || ERROR.test(made.said);
    if (isKept && this.usesCache) await cacheModule(key, made.module ?? NOTHING, made.said);
    return { ...made, isKept: false };
  }

  /** Runs the compiler, with precompiled headers where they change nothing. */
  async #run(args: readonly string[], files: ClangFiles, output: string): Promise<Compiled> {
    const { clang } = this;
    const precompiled = areTexts(files) ? await clang.precompiled.with(clang, args, files) : null;
    if (precompiled !== null) {
      const { module, said } = await clang.run(precompiled.args, precompiled.files, output);
      // The compiler refuses a refused file again, then with the paths of the file's own headers.
      if (module !== null) {
        const ir = asFromSource(new TextDecoder().decode(module));
        return { module: new TextEncoder().encode(ir), said };
      }
    }
    return await clang.run(args, files, output);
  }

  /** A hash of all that a file is compiled from. */
  async #keyOf(args: readonly string[], files: ClangFiles): Promise<string> {
    const hashes: [path: string, hash: string][] = [];
    for (const [path, content] of Object.entries(files)) {
      let hash = typeof content === "string" ? this.#read.hashes.get(content) : undefined;
      if (hash === undefined) {
        hash = typeof content === "string" ? await hashOfText(content) : await hashOf(content);
        // Headers: most files include the same ones.
        if (typeof content === "string") this.#read.hashes.set(content, hash);
      }
      hashes.push([path, hash]);
    }
    return await hashOfText(JSON.stringify([await this.clang.identity(), args, hashes.toSorted()]));
  }

  /**
   * Compiles a file of the tree by its own makefile's flags: for the lab's machine, else within a file that
   * includes it, if no makefile names it, else for an architecture that it is built for.
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
      // A file may have other errors elsewhere if the lab's machine lacks a header for it.
      if (NO_HEADER.test(failed.said)) failed = made;
    }
    return failed;
  }

  /** The same for other architectures, where only these have what the files need. */
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

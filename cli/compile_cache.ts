/** Cache of compiled C sources, and the list of sources that are still to be compiled. */
import type { LabConfig } from "@dmalab/devices";
import type { SourceFile } from "@dmalab/lang";
import type { CLoader, CompileCache, CompiledC, Stubs } from "@dmalab/lang/values";
import type { HostTree } from "./host_tree.ts";

/** A C source that is to be compiled for the machine of a configuration. */
export interface CompileRequest {
  readonly source: SourceFile;
  readonly config: LabConfig;
  readonly key: string;
}

export class HostCompileCache implements CompileCache {
  /** Sources that were looked up and are not compiled yet. */
  wanted: readonly CompileRequest[] = [];
  readonly #made = new Map<string, CompiledC>();

  find(source: SourceFile, config: LabConfig): CompiledC | null {
    const { kernel, olderWays, pageSizeBytes } = config;
    // `olderWays` is part of the key. The reason is that an older way of the kernel can give a
    // release a call that the release otherwise lacks.
    const key = JSON.stringify([source.name, kernel, pageSizeBytes, [...olderWays ?? []]]);
    const made = this.#made.get(key);
    if (made !== undefined) return made;
    if (!this.wanted.some((each) => each.key === key)) {
      this.wanted = [...this.wanted, { source, config, key }];
    }
    return null;
  }

  put({ key }: CompileRequest, compiled: CompiledC): void {
    this.#made.set(key, compiled);
    this.wanted = this.wanted.filter((each) => each.key !== key);
  }
}

export interface FileOfDriver {
  readonly source: SourceFile;
  /** Path of the file in the tree; null for a file in the scenario's folder. */
  readonly path: string | null;
}

export interface SourceOfTree {
  readonly tree: HostTree;
  /** The files of the driver; the first is the source itself. */
  readonly files: readonly FileOfDriver[];
  /** Flags beside those of the makefiles, and values of the makefiles' variables. */
  readonly flags: readonly string[];
  readonly stubs: Stubs;
}

/** A loader of C sources, with the cache to fill. */
export interface WantingLoader extends CLoader {
  readonly shelf: HostCompileCache;
  /** Limit of processor time for each source; null for the default. */
  readonly compileMs?: number | null;
  readonly trees?: ReadonlyMap<SourceFile, SourceOfTree>;
}

/** Whether sources that are not in the user's cache may be compiled. */
let mayCompile = true;

/** Loads a program, but only with drivers that are compiled already. */
export async function withoutCompiling<T>(load: () => Promise<T>): Promise<T> {
  mayCompile = false;
  return await load().finally(() => mayCompile = true);
}

export function isCompilingAllowed(): boolean {
  return mayCompile;
}

/**
 * Whether the C compiler's process is kept after it has compiled a file, to compile the next file. True in
 * the command and its workers. False in a library or a test, because there the process would be left over.
 */
let isKept = false;

/**
 * Keeps the compiler's process between files. A program calls this at its start.
 * @param isOn False after tests that compile many files: these tests end the process themselves.
 */
export function keepCompiler(isOn = true): void {
  isKept = isOn;
}

export function isCompilerKept(): boolean {
  return isKept;
}

/** Compiled sources in C, and the wanted ones. */
import type { LabConfig } from "@dmalab/devices";
import type { SourceFile } from "@dmalab/lang";
import type { CLoader, CompileCache, CompiledC, Stubs } from "@dmalab/lang/values";
import type { HostTree } from "./host_tree.ts";

/** A source for the machine of a configuration. */
export interface CompileRequest {
  readonly source: SourceFile;
  readonly config: LabConfig;
  readonly key: string;
}

export class HostCompileCache implements CompileCache {
  /** Requested sources that are missing. */
  wanted: readonly CompileRequest[] = [];
  readonly #made = new Map<string, CompiledC>();

  find(source: SourceFile, config: LabConfig): CompiledC | null {
    const { kernel, olderWays, pageSizeBytes } = config;
    // A release that is changed in one thing may have a call that it lacks without the change.
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
  /** Where it lies in the tree; null for one that lies beside a scenario. */
  readonly path: string | null;
}

export interface SourceOfTree {
  readonly tree: HostTree;
  /** The source itself first. */
  readonly files: readonly FileOfDriver[];
  readonly stubs: Stubs;
}

/** A loader with the shelf that is filled here. */
export interface WantingLoader extends CLoader {
  readonly shelf: HostCompileCache;
  /** Processor time for each source; null for the usual one. */
  readonly compileMs?: number | null;
  readonly trees?: ReadonlyMap<SourceFile, SourceOfTree>;
}

/**
 * Whether the compiler of C waits for the next file when it has compiled one. It does in the command and its
 * workers. A library or a test that compiles a file has no process left afterwards.
 */
let isKept = false;

/** Called by a program at its start. */
export function keepCompiler(): void {
  isKept = true;
}

export function isCompilerKept(): boolean {
  return isKept;
}

/**
 * A driver in C, as the language knows it: compiled by the loader of a program, and run by modules
 * that are loaded with the compiled code, so that a program without such a driver loads neither.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { LabConfig } from "@dmalab/devices";
import type { SourceFile } from "../source.ts";
import type { FileKind, LoadError, SourceLoader } from "../syntax/load_files.ts";
import type { NativeLine } from "./execution_context.ts";
import type { HandleType } from "./spec.ts";
import type { Value } from "./value.ts";
import type { SimulatedMachine } from "./simulated_machine.ts";

/** Lines of a source, ascending. */
export interface LinesRun {
  /** Those that there is code of. */
  readonly all: readonly number[];
  readonly run: readonly number[];
}

/** Called at each store of a driver to a device's register. @param high The upper half of 64 bits. */
export type RegisterWatcher = (
  phys: number,
  sizeBytes: number,
  value: number,
  high: number,
) => void;

/** A compiled driver. */
export interface CModule {
  /** Its functions as the methods of a separate type. */
  readonly type: HandleType;
  /** As the compiler made it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Which lines of its sources have run, by their names. */
  linesRun(): ReadonlyMap<string, LinesRun>;
  /** From now on none of them has run. */
  forgetLines(): void;
  /** Calls a function at each store to a register, on every machine; null ends that. */
  watchRegisters(watcher: RegisterWatcher | null): void;
  /** Lines of its functions at which a debugger can stop. */
  lines(): readonly NativeLine[];
  /** The driver on a separate machine, with its data as it is at the beginning. */
  start(machine: SimulatedMachine): Value;
}

/** What became of a source of C for a machine. */
export type CompiledC =
  | { readonly module: CModule; readonly diagnostics: readonly Diagnostic[] }
  | { readonly module: null; readonly diagnostics: readonly Diagnostic[] }
  | NotCompiled;

/** The reason why a source was not compiled, whatever its text, and what helps. */
export interface NotCompiled {
  readonly module: null;
  /** No compiler here, a tree that does not fit, or a compiler that was stopped. */
  readonly code: "E0710" | "E0713" | "E0714";
  /** A sentence without its end. */
  readonly problem: string;
  readonly hint: string;
}

/**
 * The effect of calling a function that neither the lab, nor the driver, nor the tree's `lib/` has.
 */
export const STUBS = ["refuse", "zero", "fill"] as const;
/** Or what each of some functions returns, by their names: the others are refused. */
export type Stubs = (typeof STUBS)[number] | ReadonlyMap<string, number>;

/** The inputs of a driver in C. */
export const C_FILE: FileKind = {
  name: /\.(?:[chS]|def|inc|tbl)$/,
  what: "a source or a header in C (*.c, *.h)",
};

/** How a driver is compiled with a kernel tree. */
export interface TreeSettings {
  /** The tree's folder, as the scenario names it; null where it names none. */
  readonly tree: string | null;
  /** The folder of an out-of-tree module, as the scenario names it; null for a file of the tree, or beside it. */
  readonly module: string | null;
  /** Files that are linked with the first one: of the tree, or beside the scenario. */
  readonly files: readonly string[];
  readonly stubs: Stubs;
}

/** A loader that has a C compiler. */
export interface CLoader extends SourceLoader {
  readonly shelf: CompileCache;
  /**
   * A source that is compiled with a kernel tree: a file of the tree, or one beside the scenario.
   */
  loadWithTree?(settings: TreeSettings, path: string, from: SourceFile): SourceFile | LoadError;
}

/** Compiles C. Compiling takes time: a wanted file is noted, and there the next time. */
export interface CompileCache {
  /**
   * The compiled form of a source for the machine of a configuration; null while it is not
   * compiled.
   */
  find(source: SourceFile, config: LabConfig): CompiledC | null;
}

/**
 * Types for drivers in C. The loader of a program compiles such a driver. The code for that is in
 * modules that are loaded together with the driver, so a program without C drivers does not load
 * them.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { LabConfig } from "@dmalab/devices";
import type { SourceFile } from "../source.ts";
import type { FileKind, LoadError, SourceLoader } from "../syntax/load_files.ts";
import type { NativeLine } from "./execution_context.ts";
import type { HandleType } from "./spec.ts";
import type { Value } from "./value.ts";
import type { LabMachine } from "./lab_machine.ts";

/** Lines of a source, ascending: `all` lines with code, and the lines that were `run`. */
export interface LinesRun {
  /** Lines with code. */
  readonly all: readonly number[];
  readonly run: readonly number[];
}

/**
 * Called when a driver writes to a device's register.
 * @param high The upper half of a value of 64 bits.
 */
export type RegisterWatcher = (
  phys: number,
  sizeBytes: number,
  value: number,
  high: number,
) => void;

/** A compiled driver. */
export interface CModule {
  /** The driver's functions, as the methods of a separate type. */
  readonly type: HandleType;
  /** The compiled module. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The lines that have run, by source name. */
  linesRun(): ReadonlyMap<string, LinesRun>;
  /** Resets the lines that have run. */
  forgetLines(): void;
  /** Calls a function at each write to a register, on every machine. Null ends these calls. */
  watchRegisters(watcher: RegisterWatcher | null): void;
  /** Lines of the driver's functions at which a debugger can stop. */
  lines(): readonly NativeLine[];
  /** Starts the driver on a separate machine, with its initial data. */
  start(machine: LabMachine): Value;
}

/** The result of compiling a C source for a machine. */
export type CompiledC =
  | { readonly module: CModule; readonly diagnostics: readonly Diagnostic[] }
  | { readonly module: null; readonly diagnostics: readonly Diagnostic[] }
  | NotCompiled;

/**
 * The reason why a source was not compiled, and a hint. Used if the reason is not in the text of
 * the source.
 */
export interface NotCompiled {
  readonly module: null;
  /** E0710: there is no compiler. E0713: the tree does not fit. E0714: the compiler was stopped. */
  readonly code: "E0710" | "E0713" | "E0714";
  /** A sentence without its full stop. */
  readonly problem: string;
  readonly hint: string;
}

/**
 * The possible effects of a call of a function that is missing in the lab, in the driver and in the
 * tree's `lib/`.
 */
export const STUBS = ["refuse", "zero", "fill"] as const;
/**
 * What missing functions do. A word applies to all of them. With a map, a function returns the
 * value that the map has for its name, and the other missing functions are refused.
 */
export type Stubs = (typeof STUBS)[number] | ReadonlyMap<string, number>;

/** Source files of a driver in C. */
export const C_FILE: FileKind = {
  name: /\.(?:[chS]|def|inc|tbl)$/,
  what: "a source or a header in C (*.c, *.h)",
};

/** How a driver is compiled with a kernel tree. */
export interface TreeSettings {
  /** The tree's folder, as the scenario names it; null if it names none. */
  readonly tree: string | null;
  /**
   * The folder of an out-of-tree module, as the scenario names it; null for a file of the tree, or
   * for a file beside the scenario.
   */
  readonly module: string | null;
  /**
   * Files that are linked with the first one. They belong to the tree, or lie beside the scenario.
   */
  readonly files: readonly string[];
  /**
   * Flags of the compiler that the driver's makefile would get from a program, such as `-DHAVE_X`, and
   * values of the makefile's variables, such as `DEBUG=1`, as the command line of make has them.
   */
  readonly flags: readonly string[];
  readonly stubs: Stubs;
}

/** A loader that has a C compiler. */
export interface CLoader extends SourceLoader {
  readonly shelf: CompileCache;
  /**
   * Loads a source that is compiled with a kernel tree. The source is a file of the tree, or a file
   * beside the scenario.
   */
  loadWithTree?(settings: TreeSettings, path: string, from: SourceFile): SourceFile | LoadError;
}

/**
 * Compiled C sources. Compiling takes time. Therefore a source that is not compiled yet is only
 * added to a list, and is compiled before the next attempt to load the program.
 */
export interface CompileCache {
  /**
   * The compiled form of a source for the machine of a configuration; null if the source has not
   * been compiled yet.
   */
  find(source: SourceFile, config: LabConfig): CompiledC | null;
}

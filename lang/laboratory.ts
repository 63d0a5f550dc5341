/**
 * The language with all of dmalab's features, and with the additions of a program: kinds of
 * devices, events, tables of a recording, functions and types.
 *
 * A laboratory is a value: it never changes, and cannot use the additions of another laboratory.
 * The functions of `language.ts` use the laboratory without additions.
 */
import { buildLab, type DeviceRegistry, DEVICES, type Lab, type LabConfig } from "@dmalab/devices";
import type { AnyTableSpec } from "@dmalab/runtime/recording";
import type { EventTable } from "@dmalab/runtime/vocabulary";
import { BUILTINS, builtinsWith } from "./builtins/mod.ts";
import type { AnyScriptedKind } from "./builtins/node_types.ts";
import type { Diagnostic } from "./diagnostics/diagnostic.ts";
import { checkProgram, loadProgram, type LoadResult } from "./run/program.ts";
import { SourceFile } from "./source.ts";
import { memoryFiles, type SourceLoader } from "./syntax/load_files.ts";
import type { Registry } from "./values/registry.ts";
import type { FunctionSpec, HandleType } from "./values/spec.ts";

/** The additions of a program. Each part may be left out. */
export interface Addition {
  /** Kinds of devices, each with its block, its events, its tables and its builtins. */
  readonly devices?: readonly AnyScriptedKind[];
  /** Events that belong to no single kind of device. */
  readonly events?: readonly EventTable[];
  /** Tables of a recording that belong to no single kind of device. */
  readonly tables?: readonly AnyTableSpec[];
  /** Functions that belong to no single kind of device. */
  readonly functions?: readonly FunctionSpec[];
  /** Types that these functions return. */
  readonly types?: readonly HandleType[];
}

/** Options for a scenario that is passed as text. */
export interface TextOptions {
  /** The name of the text in messages; `scenario.dma` when left out. */
  readonly name?: string;
  /** The files that the scenario may `use`, by path. */
  readonly files?: Readonly<Record<string, string>>;
}

/** The language and its machines, with the additions. */
export class Laboratory {
  /**
   * The kinds of devices that its machines can have.
   * @internal
   */
  readonly devices: DeviceRegistry;
  /**
   * The functions, types and words that its scripts can use.
   * @internal
   */
  readonly builtins: Registry;

  /** @internal */
  constructor(devices: DeviceRegistry, builtins: Registry) {
    this.devices = devices;
    this.builtins = builtins;
  }

  /** Like the exported function `buildLab`, with the devices of this laboratory. */
  buildLab(config: LabConfig): Lab {
    return buildLab(config, this.devices);
  }

  /** Like the exported function `checkProgram`, with the builtins of this laboratory. */
  checkProgram(entry: SourceFile, loader: SourceLoader): readonly Diagnostic[] {
    return checkProgram(entry, loader, this.builtins);
  }

  /** Like the exported function `loadText`, with the builtins of this laboratory. */
  loadText(text: string, options: TextOptions = {}): LoadResult {
    const { files, name = "scenario.dma" } = options;
    return this.loadProgram(new SourceFile(name, text), memoryFiles(files));
  }

  /** Like the exported function `loadProgram`, with the builtins of this laboratory. */
  loadProgram(entry: SourceFile, loader: SourceLoader): LoadResult {
    return loadProgram(entry, loader, this.builtins);
  }

  /** Like the exported function `loadForDebugging`, with the builtins of this laboratory. */
  loadForDebugging(entry: SourceFile, loader: SourceLoader): LoadResult {
    return loadProgram(entry, loader, this.builtins, true);
  }
}

/** The laboratory without additions. */
export const PLAIN: Laboratory = new Laboratory(DEVICES, BUILTINS);

/**
 * A laboratory with additions. Programs that it loads are run and recorded like any other program,
 * because `runProgram` and `recordRun` get the additions from the program.
 *
 * @throws {RangeError} When a block, an event, a table of the recording, a type or a function has a
 *   name that already exists.
 *
 * @example
 * ```ts
 * import { laboratory } from "./laboratory.ts";
 * import { builtin } from "./builtins/describe/builtin.ts";
 *
 * const lab = laboratory({
 *   functions: [builtin({
 *     name: "answer",
 *     parameters: [],
 *     result: "int",
 *     doc: "Gives 42.",
 *     example: "assert answer() == 42",
 *     run: () => 42,
 *   })],
 * });
 * if (lab.loadText("assert answer() == 42").program === null) throw new Error("There is no answer");
 * ```
 */
export function laboratory(...additions: readonly Addition[]): Laboratory {
  let devices = DEVICES;
  for (const addition of additions) devices = devices.with(addition);
  const functions = additions.flatMap((addition) => addition.functions ?? []);
  const types = additions.flatMap((addition) => addition.types ?? []);
  return new Laboratory(devices, builtinsWith(devices, { functions, types }));
}

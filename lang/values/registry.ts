/**
 * All that the checker, the compiler, the VM and the runner know about the world outside the
 * language: one object, passed as a parameter.
 *
 * `lang/builtins/mod.ts` exports the real registry as `BUILTINS`; tests of the language itself pass
 * a small fake. At run time, nothing in `lang/check`, `lang/compile`, `lang/vm` or `lang/run`
 * imports the devices, and of the runtime these folders import only the `basics`.
 */
import type { LabConfig } from "@dmalab/devices";
import type { MachineEvent } from "@dmalab/runtime";
import type { FieldTable } from "@dmalab/runtime/vocabulary";
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import type { ExecutionContext } from "./execution_context.ts";
import type { LabMachine } from "./lab_machine.ts";
import type { MachineBuildOptions } from "./simulated_machine.ts";
import type { MachineDeclaration } from "../syntax/tree/ast.ts";
import type { CModule } from "./c_module.ts";
import type { ConfigModifier, EvaluateConstant } from "./machine_variant.ts";
import type { RaisedError } from "./raised_error.ts";
import type { EnumValue, Value } from "./value.ts";
import type { FunctionSpec, HandleType, Type } from "./spec.ts";
import type { BranchOutcome } from "./branch_outcome.ts";

/** A seeded source of random numbers, for the cases of a property. */
export interface RandomSource {
  /** A uniformly chosen integer from 0 to `limit - 1`. */
  below(limit: number): number;
}

export interface Registry {
  readonly functions: ReadonlyMap<string, FunctionSpec>;
  /**
   * Types of handles by name. It also contains the fields and methods of plain values, under
   * `list`, `string`, `bytes`, `range`, `record`, `size`, `duration`, `phys`, `dma`, `int`, `word`;
   * for these, the target is the value itself.
   */
  readonly types: ReadonlyMap<string, HandleType>;
  /** Named constants; an alias maps to the same canonical `EnumValue`. Errno names are among them. */
  readonly words: ReadonlyMap<string, EnumValue>;

  /** Errno names that `fails` and `expect error` take. */
  readonly errnoNames: ReadonlySet<string>;
  /**
   * Names of block statuses that `fails` and `expect error` also accept, in canonical form
   * (`RESOURCE`). Aliases are in `words`.
   */
  readonly blockStatusNames: ReadonlySet<string>;
  /** Device statuses by the names that `fails` takes, each with its number. */
  readonly deviceStatuses: ReadonlyMap<string, number>;
  /** The bits of a device status that identify the status. */
  readonly deviceStatusMask: number;
  /**
   * The error status that the device returned for a value's command; null for success and for other
   * values.
   */
  deviceStatusOf(value: Value): number | null;
  /** Reasons of `iommu.fault`, for `faults`. */
  readonly faultReasons: ReadonlySet<string>;
  /** Classes of `dma.report`, for `warns`. */
  readonly reportClasses: ReadonlySet<string>;
  /** Every event's name. */
  readonly eventNames: readonly string[];
  /** Injection points, each with the errors it can return, its natural one first. */
  readonly faultPoints: ReadonlyMap<string, readonly string[]>;
  /** Kernel functions with a bare name that means `call.NAME` in a pattern. */
  readonly kernelCalls: ReadonlySet<string>;
  eventFields(eventName: string): FieldTable;
  /** Fields that every event has in addition to its own fields. */
  readonly commonFields: FieldTable;

  /** Drivers in C with which the program's machines are built; absent if the program has none. */
  readonly cModules?: () => Iterable<CModule>;

  /**
   * The configuration of a machine block and its modifiers. Mistakes are reported to the bag with
   * their spans. If there is a mistake, the configuration contains only the valid settings, and may
   * be used only by the checker.
   */
  buildConfig(
    declaration: MachineDeclaration | null,
    modifiers: readonly ConfigModifier[],
    evaluate: EvaluateConstant,
    bag: DiagnosticBag,
  ): LabConfig;
  /** The types of the names in `LabMachine.globals`, before the machine is built. */
  globalTypes(config: LabConfig): ReadonlyMap<string, Type>;
  buildMachine(config: LabConfig, options: MachineBuildOptions): LabMachine;
  /**
   * A placeholder for the machine before the machine is built. It has memory for values, and
   * refuses everything else.
   */
  refusingMachine(memoryLimitBytes: number): LabMachine;

  random(seed: number): RandomSource;
  /**
   * Converts an exception to an error that a script can handle; null for an exception that a script
   * cannot expect: a bug, or a `ScriptError`.
   */
  classifyError(error: unknown): RaisedError | null;
  /**
   * The events that a value contains, for `expect events … in x`; null if the value contains no
   * events.
   */
  eventsOf(value: Value, context: ExecutionContext): readonly MachineEvent[] | null;
  /** The value of one block of `fork`, or of the block of `compare` on one machine. */
  outcomeValue(outcome: BranchOutcome): Value;
  /** The value of `trace { … }`. */
  traceValue(events: readonly MachineEvent[], spanNs: number): Value;
}

/**
 * The language's name of a word. The script may write the word as the kernel does: `BLK_STS_INVAL`
 * is `INVAL`.
 */
export function canonicalName(written: string, registry: Registry): string {
  return registry.words.get(written)?.name ?? written;
}

/** Machines that differ from a file's machine block: by `with`, `matrix` and `compare`. */
import type { Hint } from "../diagnostics/suggest.ts";
import type { LabConfig } from "@dmalab/devices";
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import type { Expression, Name } from "../syntax/tree/ast.ts";
import type { Value } from "./value.ts";

/** One `path = value` of `with`, or one choice of a `matrix`. */
export interface ConfigModifier {
  readonly path: readonly Name[];
  readonly value: Expression;
  /** The value, if it is one item of an evaluated list. */
  readonly known?: Value;
}

/**
 * Evaluates an expression that needs no machine: literals, words, `const`s and operators. Returns
 * undefined if the expression has no value; the reason is then reported to the bag.
 */
export type EvaluateConstant = (
  expression: Expression,
  /** The expected names, for the message about an unknown name. */
  wanted?: Hint,
) => Value | undefined;

/** Settings that change a machine. */
export interface MachineVariant {
  readonly settings: readonly ConfigModifier[];
  /** Evaluates the settings' values, with the names of the file that contains them. */
  evaluator(bag: DiagnosticBag): EvaluateConstant;
}

/** A setting of a machine, as written in the file: `iommu.mode`, `strict`. */
export interface VariantSetting {
  /** A key of the machine; for a case of a table, the name of an axis. */
  readonly key: string;
  /** The value as it is written in the file. */
  readonly value: string;
}

export interface ComparedMachine {
  readonly settings: readonly VariantSetting[];
  /** The changes to the machine block that give this machine. */
  readonly variant: MachineVariant;
  /** The configuration of the test's machine with these changes, or the error in them. */
  build(test: readonly MachineVariant[]): LabConfig | string;
}

/** `kernel = "6.12.117", iommu.mode = strict`. */
export function describeSettings(settings: readonly VariantSetting[]): string {
  return settings.map(({ key, value }) => `${key} = ${value}`).join(", ");
}

/** Machines that differ from the one a file declares: by `with`, `matrix` and `compare`. */
import type { Hint } from "../diagnostics/suggest.ts";
import type { LabConfig } from "@dmalab/devices";
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import type { Expression, Name } from "../syntax/tree/ast.ts";
import type { Value } from "./value.ts";

/** One `path = value` of `with`, or one choice of a `matrix`. */
export interface ConfigModifier {
  readonly path: readonly Name[];
  readonly value: Expression;
  /** What that comes to, where it is one item of a list that was worked out. */
  readonly known?: Value;
}

/**
 * The value of an expression that needs no machine: literals, words, `const`s and operators.
 * Returns undefined when it has none; the reason is then in the bag.
 */
export type EvaluateConstant = (
  expression: Expression,
  /** The expectation, for an unknown name. */
  wanted?: Hint,
) => Value | undefined;

/** Settings that change a machine. */
export interface MachineVariant {
  readonly settings: readonly ConfigModifier[];
  /** Computes their values, by the names of the file around them. */
  evaluator(bag: DiagnosticBag): EvaluateConstant;
}

/** A setting of a machine, as the file has it: `iommu.mode`, `strict`. */
export interface VariantSetting {
  /** A key of the machine; of a table's case the name of an axis. */
  readonly key: string;
  /** As it is written. */
  readonly value: string;
}

export interface ComparedMachine {
  readonly settings: readonly VariantSetting[];
  /** Its changes. */
  readonly variant: MachineVariant;
  /** The machine that a test runs on, changed: its configuration, or what is wrong with it. */
  build(test: readonly MachineVariant[]): LabConfig | string;
}

/** `kernel = "6.12.117", iommu.mode = strict`. */
export function describeSettings(settings: readonly VariantSetting[]): string {
  return settings.map(({ key, value }) => `${key} = ${value}`).join(", ");
}

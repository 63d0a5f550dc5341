/** The outcome of a block that ran on a separate machine: one of `fork`, or that of `compare`. */
import type { Leak, MachineEvent } from "@dmalab/runtime";
import type { SimulatedMachine } from "./simulated_machine.ts";
import type { VariantSetting } from "./machine_variant.ts";
import type { Raised } from "./raised_error.ts";

export interface BranchOutcome {
  /** What its machine differs in, for `compare`; nothing for `fork`. */
  readonly settings: readonly VariantSetting[];
  /** The machine as the block left it. */
  readonly machine: SimulatedMachine;
  /** The error that ended the block; null when it came to its end. */
  readonly raised: Raised | null;
  /** The call that ended the block because its machine's release lacks it, as a sentence, or null. */
  readonly missing: string | null;
  /**
   * What happened in the block.
   * @throws {LimitError} E0805 when more happened than is kept.
   */
  readonly events: readonly MachineEvent[];
  /**
   * Host memory allocated for mappings, freed or not. Memory that a pool allocates to grow serves
   * others, too.
   */
  readonly memoryBytes: number;
  /** How often, by event name; events that did not happen are left out. */
  readonly counts: ReadonlyMap<string, number>;
  /** The virtual time it took. */
  readonly durationNs: number;
  /** Its leaks. */
  readonly leaks: readonly Leak[];
  /** What each device of its machine sees, by the device's name. */
  readonly views: ReturnType<SimulatedMachine["views"]>;
}

/** The entries of a fork's record, one for each of its blocks. */
export const BRANCH_NAMES: readonly string[] = ["first", "second", "third", "fourth"];

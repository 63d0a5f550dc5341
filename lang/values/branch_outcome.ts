/** What a block of `fork` or `compare` did on its machine. */
import type { Leak, MachineEvent } from "@dmalab/runtime";
import type { LabMachine } from "./lab_machine.ts";
import type { VariantSetting } from "./machine_variant.ts";
import type { Raised } from "./raised_error.ts";
import type { ResourceWatch } from "./simulated_machine.ts";
import { requireAllEvents } from "./kept_events.ts";

export interface RunningBranch {
  readonly seq: number;
  readonly startNs: number;
  readonly assertions: number;
  readonly counts: Float64Array;
  readonly watch: ResourceWatch;
  /** The error that ended the branch. */
  raised: Raised | null;
}

/** The outcome of a block that ran on a separate machine: a block of `fork` or of `compare`. */
export class BranchOutcome {
  /** The error that ended the block; null when the block ran to its end. */
  readonly raised: Raised | null;
  /** The virtual time that the block took. */
  readonly durationNs: number;
  #counts: ReadonlyMap<string, number> | null = null;
  #events: readonly MachineEvent[] | null = null;
  #leaks: readonly Leak[] | null = null;
  #views: ReturnType<LabMachine["views"]> | null = null;

  /**
   * @param machine The machine in the state at the end of the block.
   * @param missing If the machine's release lacks a call and the block ended at that call: a
   *   sentence about it.
   * @param settings For `compare`, the settings that distinguish the block's machine from the
   *   others; empty for `fork`.
   */
  constructor(
    readonly machine: LabMachine,
    readonly branch: RunningBranch,
    readonly missing: string | null,
    readonly settings: readonly VariantSetting[],
  ) {
    this.raised = branch.raised;
    this.durationNs = machine.nowNs() - branch.startNs;
  }

  /** Number of events, by event name; events that did not happen are left out. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts ??= this.machine.stream.countsSince(this.branch.counts);
  }

  /**
   * The events of the block.
   * @throws {LimitError} E0805 when there were more events than are kept.
   */
  get events(): readonly MachineEvent[] {
    const { recorder } = this.machine;
    // Fails if some events were not kept: they would be missing in the list. The counts contain
    // them.
    requireAllEvents(recorder);
    return this.#events ??= recorder.after(this.branch.seq);
  }

  /**
   * Host memory allocated for mappings, freed or not. Memory by which a pool grows is left out,
   * because it also serves other mappings.
   */
  get memoryBytes(): number {
    return this.branch.watch.takenBytes;
  }

  /** The leaks of the outcome. */
  get leaks(): readonly Leak[] {
    return this.#leaks ??= this.branch.watch.leaks();
  }

  /** What each device of the outcome's machine sees, by the device's name. */
  get views(): ReturnType<LabMachine["views"]> {
    return this.#views ??= this.machine.views();
  }
}

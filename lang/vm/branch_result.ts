/** What became of a block on a machine of its own, once its run has ended. */
import type { Leak, MachineEvent } from "@dmalab/runtime";
import type { BranchOutcome } from "../values/branch_outcome.ts";
import type { VariantSetting } from "../values/machine_variant.ts";
import type { Raised } from "../values/raised_error.ts";
import type { ResourceWatch, SimulatedMachine } from "../values/simulated_machine.ts";
import { requireAllEvents } from "./vm_errors.ts";

/** A branch that has begun. */
export interface RunningBranch {
  readonly seq: number;
  readonly startNs: number;
  readonly assertions: number;
  readonly counts: Float64Array;
  readonly watch: ResourceWatch;
  /** The error that ended it. */
  raised: Raised | null;
}

export class BranchResult implements BranchOutcome {
  readonly raised: Raised | null;
  readonly missing: string | null;
  readonly settings: readonly VariantSetting[];
  readonly durationNs: number;
  #counts: BranchOutcome["counts"] | null = null;
  #events: readonly MachineEvent[] | null = null;
  #leaks: readonly Leak[] | null = null;
  #views: BranchOutcome["views"] | null = null;

  constructor(
    readonly machine: SimulatedMachine,
    readonly branch: RunningBranch,
    { missing, settings }: Pick<BranchOutcome, "missing" | "settings">,
  ) {
    this.raised = branch.raised;
    this.missing = missing;
    this.settings = settings;
    this.durationNs = machine.nowNs() - branch.startNs;
  }

  get counts(): BranchOutcome["counts"] {
    return this.#counts ??= this.machine.stream.countsSince(this.branch.counts);
  }

  get events(): readonly MachineEvent[] {
    const { recorder } = this.machine;
    // More may have happened than is kept: who only counts does not mind.
    requireAllEvents(recorder);
    return this.#events ??= recorder.after(this.branch.seq);
  }

  get memoryBytes(): number {
    return this.branch.watch.takenBytes;
  }

  get leaks(): readonly Leak[] {
    return this.#leaks ??= this.branch.watch.leaks();
  }

  get views(): BranchOutcome["views"] {
    return this.#views ??= this.machine.views();
  }
}

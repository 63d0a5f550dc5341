/**
 * Random requests on random machines, with every check on at once: the checks of the hunt (bytes,
 * statuses, the device's accesses and the lists that it reads, the checker, leaks, the audit), and
 * a recording's tables compared with the machine. The same case is also run a second time without a
 * recording, and must give the same result.
 *
 * Each failure must be explained by one of the named switches of the machine's kernel release;
 * without defects nothing fails.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  CaseRun,
  causingDefectsOf,
  hitPoints,
  HUNT_MACHINES,
  type HuntMachine,
  type HuntRelease,
  type HuntStep,
  huntSteps,
  LONG_REQUEST,
  MAX_BYTES,
  type Violation,
} from "@dmalab/hunt";
import { type Machine, MIB } from "@dmalab/runtime";
import { KERNEL_NAMES, type KernelProfile, KERNELS, type QuirkName } from "@dmalab/runtime/kernels";
import { Watch } from "../recording/watched_machine.ts";
import { stepCheck, type Tally } from "./check.ts";

/** Defects that hundreds of cases must meet. */
const MET: readonly QuirkName[] = [
  "gap_bit_lost_on_split",
  "mptr_first_vector_only",
  "stale_iova_state_p2p",
];
/** Enough for 2048 pieces of 512 bytes, even if some pieces are longer than 512 bytes. */
const LONG_BYTES = 2 * MIB;

/**
 * Violations that leave the machine's memory intact. The machine's tables are compared even after
 * such a violation.
 */
const HARMLESS: readonly Violation["kind"][] = ["left", "report", "status"];

/** A machine with a disk, and its release: with its own defects, without any, or with all. */
interface ReleasedMachine extends HuntMachine {
  readonly kernel: KernelProfile;
  readonly defects: "own" | "none";
}

/** The releases in turn: each with its own defects, then each without any. */
function machineOf(number: number): fc.Arbitrary<ReleasedMachine> {
  const kernel = KERNEL_NAMES[number % KERNEL_NAMES.length]!;
  const defects = Math.floor(number / KERNEL_NAMES.length) % 2 === 0 ? "own" : "none";
  return HUNT_MACHINES.map((machine) => ({ ...machine, kernel, defects }));
}

function releaseOf({ defects, kernel }: ReleasedMachine): HuntRelease {
  return { kernel, quirks: defects === "own" ? KERNELS[kernel].quirks : new Set() };
}

const STEPS = new Map<KernelProfile, fc.Arbitrary<HuntStep>>();

/** Requests with failures at every point of a release; without defects some are long. */
function stepsOf(spec: ReleasedMachine): fc.Arbitrary<HuntStep> {
  const { kernel } = spec;
  const usual = STEPS.getOrInsertComputed(
    kernel,
    () => huntSteps(hitPoints({ kernel, quirks: KERNELS[kernel].quirks })),
  );
  if (spec.defects === "own") return usual;
  return fc.oneof({ arbitrary: usual, weight: 9 }, { arbitrary: LONG_REQUEST, weight: 1 });
}

/** One case, run twice at the same time: with a recording, and without. */
class TwoRuns {
  readonly #watch = new Watch();
  readonly #run: CaseRun;
  readonly #again: CaseRun;
  readonly #release: HuntRelease;
  readonly #done: HuntStep[] = [];
  #isOver = false;
  #spoils = false;

  constructor(readonly spec: ReleasedMachine, readonly tally: Tally) {
    const mostBytes = spec.defects === "own" ? MAX_BYTES : LONG_BYTES;
    this.#release = releaseOf(spec);
    const { kernel: _, defects: __, ...machine } = spec;
    this.#run = new CaseRun(machine, this.#release, mostBytes, (lab) => this.#watch.attach(lab));
    this.#again = new CaseRun(machine, this.#release, mostBytes);
  }

  step(step: HuntStep): void {
    if (this.#isOver) return;
    this.#done.push(step);
    const violation = this.#run.step(step);
    assertEquals(this.#again.step(step), violation, "it does something else when repeated");
    assertEquals(stateOf(this.#again), stateOf(this.#run), "it ends otherwise when repeated");
    this.tally.add("steps");
    for (const { runs } of step.ios) {
      for (const { count } of runs) this.tally.add("segments", count);
    }
    if (violation !== null) {
      this.#explain(violation);
      this.#spoils = !HARMLESS.includes(violation.kind);
      this.#isOver = true;
    } else if (this.#watch.difference !== null) throw this.#watch.difference;
  }

  /**
   * Finds the defect that explains a failure. An earlier step may have caused the failure, so all
   * steps up to the failed step are searched.
   */
  #explain({ kind, text }: Violation): void {
    const [switches] = causingDefectsOf({ machine: this.spec, steps: this.#done }, this.#release);
    assert(switches !== undefined, `no switch explains: ${kind} ${text}`);
    for (const name of switches) this.tally.add(name);
  }

  end(): void {
    const { watched } = this.#watch;
    for (const each of watched) {
      if (!this.#spoils) this.#watch.end(each);
      this.tally.add("events", each.recording.log.count);
    }
    this.tally.add("looks", this.#watch.looks);
    this.tally.add("rows", this.#watch.rows);
  }
}

function stateOf({ ends, machine: { clock, iommu, swiotlb } }: CaseRun) {
  return { ends, nowNs: clock.nowNs, mappings: iommu.liveMappings, slots: swiotlb.usedSlots };
}

/** A run for sums, which say what goes wrong and go on. */
function oneRun(spec: ReleasedMachine, onMachine: (machine: Machine) => void) {
  const run = new CaseRun(spec, releaseOf(spec));
  onMachine(run.machine);
  let isOver = false;
  return {
    step(step: HuntStep) {
      if (isOver) return "";
      const violation = run.step(step);
      isOver = violation?.kind === "crash" || violation?.kind === "hang";
      return `${run.ends.join(" ")} ${violation?.text}`;
    },
    end() {},
  };
}

export const REQUESTS = stepCheck({
  name: "requests",
  about:
    "random requests on random machines do what they should, or what a named defect explains, and the same twice (block.md 1.3, nvme.md 2, defects.md)",
  script: "cases",
  budget: { short: [22, 10], long: [484, 10], script: [20_000, 10], sums: [66, 6] },
  machine: machineOf,
  steps: stepsOf,
  start: (spec, { onMachine, tally }) =>
    onMachine === undefined ? new TwoRuns(spec, tally) : oneRun(spec, onMachine),
  enough: (tally, cases) =>
    tally.of("steps") > 2.5 * cases && tally.of("segments") > 150 * cases &&
    tally.of("events") > 350 * cases && tally.of("looks") > 7 * cases &&
    tally.of("rows") > 75 * cases &&
    (cases < 480 || MET.every((name) => tally.of(name) > 0)),
});

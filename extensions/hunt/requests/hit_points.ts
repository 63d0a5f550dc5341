/**
 * Determines the injection points that requests reach in a release. A failure can be injected only
 * at these points.
 */
import fc, { type Arbitrary } from "fast-check";
import { INJECTION_POINTS, type InjectionPointName } from "@dmalab/runtime";
import { HUNT_MACHINES } from "../cases/machines.ts";
import { CaseRun } from "./case_run.ts";
import type { HuntIo, HuntMachine, HuntRelease, HuntStep, PieceRun } from "./hunt_case.ts";

/** Number of machines to choose from. */
const MACHINES = 30;

function pieces(count: number, sizeBytes: number): PieceRun {
  return { count, sizeBytes, offsetBytes: 0, touching: false, high: false };
}

const METADATA = { pieces: 3, offsetBytes: 64, touching: false, sizeBytes: null };
const BLOCK: HuntIo = { op: "read", peer: false, runs: [pieces(3, 4096)], metadata: METADATA };
const USER: HuntIo = {
  op: "user_write",
  peer: false,
  runs: [{ ...pieces(1, 4096), offsetBytes: 512, high: true }],
  metadata: METADATA,
};

/**
 * A step with metadata in pieces, unreachable memory and a user's command. It hits nearly all
 * points with few bytes.
 */
const SMALL_STEP: HuntStep = { ios: [BLOCK, USER], plugged: true, fault: null };

/** Pieces that each lie in two pages. */
const ACROSS_PAGES: PieceRun = { ...pieces(256, 512), offsetBytes: 3840 };
const SCATTERED: HuntIo = { ...BLOCK, op: "write", runs: [ACROSS_PAGES], metadata: null };
/**
 * Maps 2 MiB of IOVAs at once, for 128 KiB of data: 8 KiB for each piece. Together with the IOVAs of
 * the queues, this needs more than one page table of the lowest level.
 */
const WIDE_STEP: HuntStep = { ios: [SCATTERED], plugged: false, fault: null };
/** A machine that maps all memory of `WIDE_STEP` at once, without bouncing. */
const WIDE_MACHINE = {
  depth: 1024,
  mdtsBytes: null,
  forceBounce: false,
  untrusted: false,
  dmaMaskBits: 64,
};

/** Machines with at least one setting that no machine before them has. */
function unlike(machines: readonly HuntMachine[]): readonly HuntMachine[] {
  const seen = new Set<string>();
  return machines.filter((machine) => {
    const before = seen.size;
    for (const setting of Object.entries(machine)) seen.add(String(setting));
    return seen.size > before;
  });
}

/**
 * Runs a few requests without failures, on machines of all kinds, and records the injection points
 * that are reached. The points are sorted by their numbers.
 */
export function hitPoints(
  release: HuntRelease,
  machines: Arbitrary<HuntMachine> = HUNT_MACHINES,
): readonly InjectionPointName[] {
  const passed = new Set<number>();
  const run = (machine: HuntMachine, step: HuntStep) => {
    const run = new CaseRun(machine, release);
    const counter = run.machine.countHits();
    run.step(step);
    for (const { point } of counter.places) passed.add(point);
  };
  const drawn = fc.sample(machines, { seed: 1, numRuns: MACHINES });
  for (const machine of unlike(drawn)) run(machine, SMALL_STEP);
  const wide = drawn.find(({ mode }) => mode === "strict" || mode === "lazy");
  if (wide !== undefined) {
    run(wide.given === null ? { ...wide, ...WIDE_MACHINE } : wide, WIDE_STEP);
  }
  return INJECTION_POINTS.filter((_, point) => passed.has(point))
    .map(({ name }) => name as InjectionPointName);
}

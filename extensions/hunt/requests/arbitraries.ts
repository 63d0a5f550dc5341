/**
 * Random cases. Shrinking replaces a choice by an earlier entry, and finally by its first entry. No
 * choice here depends on a known defect: the choices are the settings of machines and the memory of
 * callers.
 */
import fc, { type Arbitrary } from "fast-check";
import type { InjectionPointName } from "@dmalab/runtime";
import type {
  HuntCase,
  HuntFault,
  HuntIo,
  HuntMachine,
  HuntStep,
  MetadataShape,
  PieceRun,
} from "./hunt_case.ts";

/**
 * Largest number of steps on one machine. There are several steps, so that later steps meet the
 * state that earlier steps left.
 */
const MAX_STEPS = 24;

/** Returns `other` once in `times` draws, else `usual`. */
function oneIn(times: number, usual: boolean, other: boolean): Arbitrary<boolean> {
  return fc.constantFrom(...Array.from({ length: times - 1 }, () => usual), other);
}

/** How IOMMUs translate. */
export const HUNT_MODES = ["off", "strict", "lazy", "passthrough"] as const;

const MACHINE_PARTS = {
  mode: fc.constantFrom(...HUNT_MODES),
  table: fc.constantFrom("vtd", "vtd_first_stage", "amd", "smmu"),
  forceBounce: oneIn(6, false, true),
  untrusted: oneIn(6, false, true),
  coherent: oneIn(8, true, false),
  dmaMaskBits: fc.constantFrom(64, 64, 64, 32),
  sgl: fc.boolean(),
  sglThresholdBytes: fc.constantFrom(32768, 32768, 4096, 0),
  blockSizeBytes: fc.constantFrom(512, 512, 4096),
  metadataBytes: fc.constantFrom(0, 0, 8, 64),
  metadataSgl: fc.boolean(),
  mdtsBytes: fc.constantFrom(null, 131072, 8192, 65536, 524288),
  depth: fc.constantFrom(1024, 2, 2, 3, 5),
  peer: fc.constantFrom("none", "none", "same_switch", "host_bridge", "refused"),
  given: fc.constant(null),
};

/** Machines of all kinds, or of all kinds with one IOMMU mode. */
export function huntMachines(mode?: HuntMachine["mode"]): Arbitrary<HuntMachine> {
  return fc.record({ ...MACHINE_PARTS, mode: fc.constantFrom(...mode ? [mode] : HUNT_MODES) });
}

/** Machines of all kinds. */
export const HUNT_MACHINES: Arbitrary<HuntMachine> = huntMachines();

/** A choice by weights, in which shrinking leads to the first entry. */
function mix<T>(...choices: readonly (readonly [weight: number, Arbitrary<T>])[]): Arbitrary<T> {
  return fc.oneof(
    { withCrossShrink: true },
    ...choices.map(([weight, arbitrary]) => ({ arbitrary, weight })),
  );
}

function upTo(max: number, min: number = 1): Arbitrary<number> {
  return fc.integer({ min, max });
}

/** Small numbers are common, but many pieces must occur, too: queues accept up to 256 segments. */
const count = mix([10, upTo(4)], [4, upTo(48)], [1, upTo(320)]);

const pieceBytes = mix(
  [16, fc.constantFrom(512, 4096, 1024, 2048, 8192)],
  [2, fc.constantFrom(512, 16384, 65536)],
  [4, upTo(24).map((sectors) => 512 * sectors)],
  [1, upTo(1200).map((words) => 4 * words)],
);

const offsetBytes = mix(
  [60, fc.constantFrom(0, 0, 0, 512, 1024, 2048, 4092)],
  [20, upTo(1023, 0).map((words) => 4 * words)],
  [1, upTo(4095, 0)],
);

const pieceRun: Arbitrary<PieceRun> = fc.record({
  count,
  sizeBytes: pieceBytes,
  offsetBytes,
  touching: fc.constantFrom(false, false, true),
  high: fc.constantFrom(false, false, true),
});

const metadata: Arbitrary<MetadataShape> = fc.record({
  pieces: fc.constantFrom(1, 1, 2, 3, 4),
  offsetBytes: mix(
    [1, fc.constantFrom(0, 64, 128, 4032, 4088)],
    [1, upTo(1023, 0).map((words) => 4 * words)],
  ),
  touching: fc.constantFrom(false, false, true),
  sizeBytes: mix<number | null>(
    [2, fc.constant(null)],
    [1, fc.constantFrom(8, 16, 64, 128, 4096, 8192)],
    [1, upTo(3072).map((words) => 4 * words)],
  ),
});

const io: Arbitrary<HuntIo> = fc.record({
  op: fc.constantFrom("read", "read", "write", "write", "user_read", "user_write"),
  peer: fc.constantFrom(false, true),
  runs: fc.array(pieceRun, { minLength: 1, maxLength: 3 }),
  metadata: mix<MetadataShape | null>([1, fc.constant(null)], [1, metadata]),
});

const nth = mix([3, upTo(4)], [1, upTo(40)]);

function faultOrNot(points: readonly InjectionPointName[]): Arbitrary<HuntFault | null> {
  if (points.length === 0) return fc.constant(null);
  const fault = fc.record({ point: fc.constantFrom(...points), nth });
  return mix<HuntFault | null>([2, fc.constant(null)], [1, fault]);
}

/**
 * A machine, and the requests to it.
 *
 * @param points Injection points that may fail; empty for a hunt without failures.
 * @param machines The machines to choose from.
 */
export function huntCases(
  points: readonly InjectionPointName[],
  machines: Arbitrary<HuntMachine> = HUNT_MACHINES,
): Arbitrary<HuntCase> {
  const step: Arbitrary<HuntStep> = fc.record({
    ios: mix(
      [3, fc.array(io, { minLength: 1, maxLength: 1 })],
      [1, fc.array(io, { minLength: 1, maxLength: 3 })],
    ),
    plugged: fc.constantFrom(false, false, true),
    fault: faultOrNot(points),
  });
  return fc.record({
    machine: machines,
    steps: fc.array(step, { minLength: 1, maxLength: MAX_STEPS, size: "max" }),
  });
}

/** Some cases, drawn like a hunt's. @param points Injection points that may fail. */
export function sampleCases(
  points: readonly InjectionPointName[],
  seed: number,
  machines: number,
): readonly HuntCase[] {
  return fc.sample(huntCases(points), { seed, numRuns: machines });
}

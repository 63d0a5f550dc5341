/**
 * Random cases. What stands first in a choice is what shrinking leads to. No choice here knows of any
 * defect: it is the settings that a machine can have and the memory that callers come with.
 */
import fc, { type Arbitrary } from "fast-check";
import type { FaultPointName } from "../../runtime/faults.ts";
import type {
  HuntCase,
  HuntFault,
  HuntIo,
  HuntMachine,
  HuntStep,
  MetadataShape,
  PieceRun,
} from "./hunt_case.ts";

/** Most steps on one machine: later ones meet what earlier ones left. */
const MOST_STEPS = 24;

/** Mostly the usual; once in so many times the other. */
function oneIn(times: number, usual: boolean, other: boolean): Arbitrary<boolean> {
  return fc.constantFrom(...Array.from({ length: times - 1 }, () => usual), other);
}

/** A machine of every kind. */
export const HUNT_MACHINES: Arbitrary<HuntMachine> = fc.record({
  mode: fc.constantFrom("off" as const, "strict" as const, "lazy" as const, "passthrough" as const),
  table: fc.constantFrom("vtd" as const, "vtd" as const, "amd" as const, "arm" as const),
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
  peer: fc.constantFrom(
    "none" as const,
    "none" as const,
    "same_switch" as const,
    "host_bridge" as const,
    "refused" as const,
  ),
  given: fc.constant(null),
});

/** Few are common, many must occur: queues take up to 256 segments. */
const count = fc.oneof(
  { withCrossShrink: true },
  { arbitrary: fc.integer({ min: 1, max: 4 }), weight: 10 },
  { arbitrary: fc.integer({ min: 1, max: 48 }), weight: 4 },
  { arbitrary: fc.integer({ min: 1, max: 320 }), weight: 1 },
);

const pieceBytes = fc.oneof(
  { withCrossShrink: true },
  { arbitrary: fc.constantFrom(512, 4096, 1024, 2048, 8192), weight: 16 },
  { arbitrary: fc.constantFrom(512, 16384, 65536), weight: 2 },
  { arbitrary: fc.integer({ min: 1, max: 24 }).map((sectors) => 512 * sectors), weight: 4 },
  { arbitrary: fc.integer({ min: 1, max: 1200 }).map((words) => 4 * words), weight: 1 },
);

const offsetBytes = fc.oneof(
  { withCrossShrink: true },
  { arbitrary: fc.constantFrom(0, 0, 0, 512, 1024, 2048, 4092), weight: 60 },
  { arbitrary: fc.integer({ min: 0, max: 1023 }).map((words) => 4 * words), weight: 20 },
  { arbitrary: fc.integer({ min: 0, max: 4095 }), weight: 1 },
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
  offsetBytes: fc.oneof(
    { withCrossShrink: true },
    fc.constantFrom(0, 64, 128, 4032, 4088),
    fc.integer({ min: 0, max: 1023 }).map((words) => 4 * words),
  ),
  touching: fc.constantFrom(false, false, true),
  sizeBytes: fc.oneof(
    { withCrossShrink: true },
    { arbitrary: fc.constant(null), weight: 2 },
    { arbitrary: fc.constantFrom(8, 16, 64, 128, 4096, 8192), weight: 1 },
    { arbitrary: fc.integer({ min: 1, max: 3072 }).map((words) => 4 * words), weight: 1 },
  ),
});

const io: Arbitrary<HuntIo> = fc.record({
  op: fc.constantFrom(
    "read" as const,
    "read" as const,
    "write" as const,
    "write" as const,
    "user_read" as const,
    "user_write" as const,
  ),
  peer: fc.constantFrom(false, true),
  runs: fc.array(pieceRun, { minLength: 1, maxLength: 3 }),
  metadata: fc.oneof({ withCrossShrink: true }, fc.constant(null), metadata),
});

const nth = fc.oneof(
  { withCrossShrink: true },
  { arbitrary: fc.integer({ min: 1, max: 4 }), weight: 3 },
  { arbitrary: fc.integer({ min: 1, max: 40 }), weight: 1 },
);

function faultOrNot(points: readonly FaultPointName[]): Arbitrary<HuntFault | null> {
  if (points.length === 0) return fc.constant(null);
  return fc.oneof(
    { withCrossShrink: true },
    { arbitrary: fc.constant(null), weight: 2 },
    { arbitrary: fc.record({ point: fc.constantFrom(...points), nth }), weight: 1 },
  );
}

/**
 * A machine, and what is asked of it.
 *
 * @param points Points that may be told to fail; none: nothing fails.
 * @param machines Where it is asked.
 */
export function huntCases(
  points: readonly FaultPointName[],
  machines: Arbitrary<HuntMachine> = HUNT_MACHINES,
): Arbitrary<HuntCase> {
  const step: Arbitrary<HuntStep> = fc.record({
    ios: fc.oneof(
      { withCrossShrink: true },
      { arbitrary: fc.array(io, { minLength: 1, maxLength: 1 }), weight: 3 },
      { arbitrary: fc.array(io, { minLength: 1, maxLength: 3 }), weight: 1 },
    ),
    plugged: fc.constantFrom(false, false, true),
    fault: faultOrNot(points),
  });
  return fc.record({
    machine: machines,
    steps: fc.array(step, { minLength: 1, maxLength: MOST_STEPS, size: "max" }),
  });
}

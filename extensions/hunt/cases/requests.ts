/**
 * Random requests to a disk. Shrinking replaces a choice by an earlier entry, and finally by its
 * first entry. No choice here depends on a known defect: the choices are the memory of callers, and
 * the failures.
 */
import fc, { type Arbitrary } from "fast-check";
import { INJECTION_POINTS, type InjectionPointName } from "@dmalab/runtime";
import { HUNT_MACHINES, mix } from "./machines.ts";
import type {
  HuntCase,
  HuntFault,
  HuntIo,
  HuntMachine,
  HuntStep,
  MetadataShape,
  PieceRun,
} from "../requests/hunt_case.ts";

/**
 * Largest number of steps on one machine. There are several steps, so that later steps meet the
 * state that earlier steps left.
 */
const MAX_STEPS = 24;

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

/** Requests that are under way together. @param points Injection points that may fail. */
export function huntSteps(points: readonly InjectionPointName[]): Arbitrary<HuntStep> {
  return fc.record({
    ios: mix(
      [3, fc.array(io, { minLength: 1, maxLength: 1 })],
      [1, fc.array(io, { minLength: 1, maxLength: 3 })],
    ),
    plugged: fc.constantFrom(false, false, true),
    fault: faultOrNot(points),
  });
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
  return fc.record({
    machine: machines,
    steps: fc.array(huntSteps(points), { minLength: 1, maxLength: MAX_STEPS, size: "max" }),
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

/** One request of up to 2048 pieces of different sizes. */
export const LONG_REQUEST: Arbitrary<HuntStep> = fc.record({
  op: fc.constantFrom("read" as const, "write" as const),
  runs: fc.array(
    fc.record({
      count: upTo(2048),
      sizeBytes: fc.constantFrom(512, 512, 1024, 4096, 516, 8704),
      offsetBytes: fc.constantFrom(0, 512, 2048, 4, 4092),
      touching: fc.boolean(),
      high: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  metadata: fc.option(fc.record({
    pieces: upTo(4),
    offsetBytes: fc.constantFrom(0, 64, 4032),
    touching: fc.boolean(),
    sizeBytes: fc.constant(null),
  })),
}).map(({ metadata, op, runs }) => ({
  ios: [{ op, peer: false, runs, metadata }],
  plugged: false,
  fault: null,
}));

/** A request of a soak: small, because millions of them are made. */
export interface SoakIo {
  readonly op: "read" | "write" | "user_read" | "user_write" | "flush" | "write_zeroes" | "discard";
  readonly lba: number;
  /** Selects one of the disk's queues. */
  readonly queue: number;
  /** Whether the memory is a peer's, if there is peer memory. */
  readonly peer: boolean;
  /** One run of memory, or scattered pages: for each, the free pages before it. */
  readonly memory:
    | { readonly blocks: number; readonly offsetBlocks: number }
    | { readonly freePages: readonly number[] };
}

/** An event that affects a machine while requests are under way. */
export type Blow = "none" | "reset" | "removal";

/** Requests of a soak that are under way together. */
export interface SoakBatch {
  readonly ios: readonly SoakIo[];
  readonly plugged: boolean;
  readonly fault: HuntFault | null;
  readonly blow: Blow;
  /** Number of activities before a reset or a removal. */
  readonly blowAfter: number;
}

/** Number of the disk's blocks that a soak reads and writes: this limits its stored data. */
const BLOCKS_USED = 1024;

const blocksUpTo = (max: number) => fc.record({ blocks: upTo(max), offsetBlocks: upTo(7, 0) });
const pagesUpTo = (max: number) =>
  fc.record({ freePages: fc.array(upTo(1, 0), { minLength: 2, maxLength: max, size: "max" }) });

const soakIo: Arbitrary<SoakIo> = fc.record({
  op: mix<SoakIo["op"]>(
    [46, fc.constant("read")],
    [46, fc.constant("write")],
    [3, fc.constantFrom("user_read", "user_write")],
    [2, fc.constant("flush")],
    [2, fc.constant("write_zeroes")],
    [1, fc.constant("discard")],
  ),
  lba: upTo(BLOCKS_USED - 1, 0),
  queue: upTo(BLOCKS_USED, 0),
  peer: fc.constantFrom(false, false, false, true),
  memory: mix<SoakIo["memory"]>(
    [81, blocksUpTo(8)],
    [3, blocksUpTo(128)],
    [14, pagesUpTo(7)],
    [2, pagesUpTo(63)],
  ),
});

const ANY_POINT = INJECTION_POINTS.map(({ name }) => name as InjectionPointName);
/** Failures at any injection point. */
export const FAULTS: Arbitrary<HuntFault> = fc.record({
  point: fc.constantFrom(...ANY_POINT),
  nth: upTo(8),
});

/** Batches of a soak. One in ten has a failure, one in 200 a reset, one in 3000 a removal. */
export const BATCHES: Arbitrary<SoakBatch> = fc.record({
  ios: fc.array(soakIo, { minLength: 1, maxLength: 16, size: "max" }),
  plugged: fc.constantFrom(false, false, false, true),
  fault: mix<HuntFault | null>([9, fc.constant(null)], [1, FAULTS]),
  blow: mix<Blow>([2984, fc.constant("none")], [15, fc.constant("reset")], [
    1,
    fc.constant("removal"),
  ]),
  blowAfter: upTo(23, 0),
});

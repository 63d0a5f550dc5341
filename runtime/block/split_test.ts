import { assert, assertEquals } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { VirtualClock } from "../time/clock.ts";
import { type BlkStatusName, blkStatusName } from "../errno.ts";
import { EventStream, type MachineEvent } from "../events.ts";
import type { KernelProfile, QuirkName } from "../kernels/behaviours.ts";
import { resolveKernel } from "../kernels/kernels.ts";
import { Bio, BIO_FLAG, type BioVec, type BlockOp, vecsSizeBytes } from "./bio.ts";
import { deriveLimits, type LimitsInput } from "./queue_limits.ts";
import { type BioRefusal, BioSplitter } from "./split.ts";

/** Limits so wide that only the limits set by a test can cut. */
const WIDE: LimitsInput = {
  maxHwSectors: 16384,
  maxSegments: 256,
  maxSegmentSizeBytes: 0xffff_ffff,
  dmaAlignmentMask: 3,
};

interface Piece {
  readonly sector: number;
  readonly bytes: number;
  readonly segments: number;
  readonly gapBit: number;
  readonly flags: number;
}

interface Outcome {
  readonly pieces: Piece[];
  readonly status: BlkStatusName;
  readonly refusal: BioRefusal | null;
  readonly events: readonly MachineEvent[];
}

function vec(phys: number, sizeBytes: number): BioVec {
  return { phys: phys as PhysAddr, sizeBytes };
}

/** Vectors on pages that never touch: vector k lies on page 2k. */
function scattered(...parts: [offset: number, sizeBytes: number][]): BioVec[] {
  return parts.map(([offset, sizeBytes], index) =>
    vec(0x100_0000 + index * 0x2000 + offset, sizeBytes)
  );
}

function splitterOf(
  limitsInput: LimitsInput,
  events: EventStream,
  { kernel = "7.2.12", quirks = [] }: { kernel?: KernelProfile; quirks?: QuirkName[] } = {},
): BioSplitter {
  const limits = deriveLimits({ ...WIDE, ...limitsInput }, 8192);
  assert(typeof limits !== "number");
  return new BioSplitter(limits, resolveKernel({ kernel, quirks: new Set(quirks) }), events);
}

function split(
  vecs: readonly BioVec[],
  limitsInput: LimitsInput,
  options: {
    op?: BlockOp;
    sizeBytes?: number;
    flags?: number;
    sector?: number;
    quirks?: QuirkName[];
    kernel?: KernelProfile;
  } = {},
): Outcome {
  const events = new EventStream(new VirtualClock());
  const seen: MachineEvent[] = [];
  events.listen((event) => seen.push(event));
  const splitter = splitterOf(limitsInput, events, options);
  const bio = new Bio(
    options.op ?? "read",
    options.sector ?? 0,
    vecs,
    options.sizeBytes ?? vecsSizeBytes(vecs),
    options.flags ?? 0,
  );
  const pieces: Piece[] = [];
  for (;;) {
    const piece = splitter.next(bio);
    if (piece === null) {
      const status = blkStatusName(splitter.status);
      return { pieces, status, refusal: splitter.refusal, events: seen };
    }
    pieces.push({
      sector: piece.sector,
      bytes: piece.sizeBytes,
      segments: splitter.nrSegments,
      gapBit: piece.gapBit,
      flags: piece.flags,
    });
    if (piece === bio) return { pieces, status: "OK", refusal: null, events: seen };
  }
}

/** The vectors of the bio of assertions 2 and 3 of rules/block.md, chapter 1. */
const WITH_GAP = scattered([0, 0x1000], [0, 0x1000], [0x200, 0xe00], [0, 0x1000]);

Deno.test("a gap against the virt boundary cuts before the vector (block.md ch. 1, assertion 2)", () => {
  const { pieces, events } = split(WITH_GAP, { virtBoundaryMask: 4095 });
  assertEquals(pieces.map(({ bytes, segments }) => [bytes, segments]), [[8192, 2], [7680, 2]]);
  assertEquals(pieces[1]!.sector, 16);
  assertEquals(events[0]!.why?.inputs, {
    virt_boundary: 4095,
    segments: 2,
    fitting_bytes: 8192,
    piece: 2,
    piece_done_bytes: 0,
    ends_at_bytes: 0,
    begins_at_bytes: 0x200,
  });
  assertEquals(events.map(({ name, fields }) => [name, fields]), [
    ["block.split", { at_sectors: 16, rule: "virt_boundary", limit: 4095 }],
  ]);
});

Deno.test("without a virt boundary the gap is remembered instead (block.md ch. 1, assertion 3)", () => {
  const { pieces } = split(WITH_GAP, {});
  assertEquals(pieces.length, 1);
  assertEquals(pieces[0]!.segments, 4);
  assertEquals(pieces[0]!.gapBit, 10);
});

Deno.test("too many segments cut at the last one that fits (block.md ch. 1, assertion 4)", () => {
  const vecs = scattered(...Array.from({ length: 200 }, (): [number, number] => [0, 512]));
  const { pieces, events } = split(vecs, { maxSegments: 128 });
  assertEquals(pieces.map(({ bytes, segments }) => [bytes, segments]), [[65536, 128], [36864, 72]]);
  assertEquals(events[0]!.fields, { at_sectors: 128, rule: "max_segments", limit: 128 });
});

Deno.test("a long vector counts one segment per maximum size (block.md ch. 1, assertion 5)", () => {
  const { pieces } = split([vec(0x100_0000, 2 ** 20)], {
    maxSegmentSizeBytes: 65536,
    maxSegments: 128,
  });
  assertEquals(pieces.map(({ bytes, segments }) => [bytes, segments]), [[2 ** 20, 16]]);
});

Deno.test("a vector is two segments across a segment boundary (block.md ch. 1, assertion 6)", () => {
  const { pieces } = split([vec(0xffff_f000, 0x3000)], { segBoundaryMask: 0xffff_ffff });
  assertEquals(pieces.map(({ bytes, segments }) => [bytes, segments]), [[0x3000, 2]]);
});

Deno.test("a bio that begins in the middle of a vector is two segments across a boundary, too (block.md 1.3)", () => {
  // Pieces of 4 KiB from 0xffff_d800 on: the address 4 GiB is in the middle of the third piece.
  const { pieces } = split([vec(0xffff_d800, 0x4000)], {
    segBoundaryMask: 0xffff_ffff,
    maxUserSectors: 8,
  });
  assertEquals(pieces.map(({ bytes, segments }) => [bytes, segments]), [
    [0x1000, 1],
    [0x1000, 1],
    [0x1000, 2],
    [0x1000, 1],
  ]);
});

Deno.test("a cut inside a vector tells the vector, how much of it is done, and where both sides lie (block.md 1.3)", () => {
  const { pieces, events } = split([vec(0x100_0200, 0x800), vec(0x200_0600, 0x2200)], {
    maxUserSectors: 8,
  });
  assertEquals(pieces.map(({ bytes, segments }) => [bytes, segments]), [
    [0x1000, 2],
    [0x1000, 1],
    [0xa00, 1],
  ]);
  const place = { max_sectors: 8, piece: 1, fitting_bytes: 0x1000 };
  assertEquals(events.map(({ why }) => why?.inputs), [
    {
      ...place,
      segments: 2,
      piece_done_bytes: 0x800,
      ends_at_bytes: 0xe00,
      begins_at_bytes: 0xe00,
    },
    {
      ...place,
      segments: 1,
      piece_done_bytes: 0x1800,
      ends_at_bytes: 0xe00,
      begins_at_bytes: 0xe00,
    },
  ]);
  // At a cut between two vectors, the two sides lie in different pages.
  const between = split([vec(0x100_0200, 0x1000), vec(0x200_0600, 0x200)], { maxUserSectors: 8 });
  assertEquals(between.events[0]!.why?.inputs, {
    max_sectors: 8,
    segments: 1,
    fitting_bytes: 0x1000,
    piece: 1,
    piece_done_bytes: 0,
    ends_at_bytes: 0x200,
    begins_at_bytes: 0x600,
  });
  const inside = split([vec(0x100_0200, 0xc00), vec(0x200_0600, 0x1e00)], { maxUserSectors: 8 });
  assertEquals([
    inside.events[0]!.why?.inputs["piece_done_bytes"],
    inside.events[0]!.why?.inputs["begins_at_bytes"],
  ], [0x400, 0xa00]);
  const odd = split([vec(0x100_0200, 0xa00), vec(0x200_0600, 0x600)], {
    maxUserSectors: 8,
    virtBoundaryMask: 4095,
  });
  const { ends_at_bytes, begins_at_bytes, piece } = odd.events[0]!.why?.inputs ?? {};
  assertEquals([piece, ends_at_bytes, begins_at_bytes], [1, 0xc00, 0x600]);
});

Deno.test("an offset against the DMA alignment is refused with INVAL (block.md ch. 1, assertion 7)", () => {
  assertEquals(split([vec(0x100_0202, 0x200)], {}).status, "INVAL");
  assertEquals(split([vec(0x100_0200, 0x202)], {}).status, "INVAL");
});

Deno.test("a bio that may not wait is not cut (block.md ch. 1, assertion 8)", () => {
  const outcome = split(WITH_GAP, { virtBoundaryMask: 4095 }, { flags: BIO_FLAG.NOWAIT });
  assertEquals(outcome.status, "AGAIN");
  assertEquals(outcome.pieces, []);
  assertEquals(outcome.events, []);
});

Deno.test("the fast path leaves the gap bit as it is (block.md 1.3, 1.6)", () => {
  const events = new EventStream(new VirtualClock());
  const splitter = splitterOf({}, events);
  const bio = new Bio("read", 0, [vec(0x100_0200, 0xe00)], 0xe00);
  bio.gapBit = 10;
  assertEquals(splitter.next(bio), bio);
  assertEquals([splitter.nrSegments, bio.gapBit], [1, 10]);
  const slow = new Bio("read", 0, [vec(0x100_0200, 0x1e00)], 0x1e00);
  slow.gapBit = 10;
  assertEquals(splitter.next(slow), slow);
  assertEquals([splitter.nrSegments, slow.gapBit], [1, 0]);
});

/** 33 pieces of 4 KiB on separate pages, then one that begins inside a page. */
const GAP_AT_CUT = scattered(
  ...Array.from({ length: 33 }, (): [number, number] => [0, 4096]),
  [0x200, 0xe00],
);

Deno.test("gap_of_next_piece_counts: the front of a cut takes the gap before what no longer fits", () => {
  const limits = { maxSegments: 33 };
  const bits = (quirks: QuirkName[]): number[] =>
    split(GAP_AT_CUT, limits, { quirks }).pieces.map(({ gapBit }) => gapBit);
  assertEquals(bits(["gap_of_next_piece_counts"]), [10, 0]);
  assertEquals(bits([]), [13, 0]);
});

Deno.test("gap_bit_lost_on_split: the front of a cut has no gap bit, the remainder keeps it", () => {
  const vecs = scattered(...Array.from({ length: 34 }, (): [number, number] => [0, 1024]));
  const bits = (quirks: QuirkName[]): number[] =>
    split(vecs, { maxSegments: 33 }, { quirks }).pieces.map(({ gapBit }) => gapBit);
  assertEquals(bits(["gap_bit_lost_on_split"]), [0, 11]);
  assertEquals(bits([]), [11, 0]);
});

function shapes({ pieces }: Outcome): number[][] {
  return pieces.map(({ sector, bytes, segments }) => [sector, bytes, segments]);
}

/** For each cut, the rule that decided and the limit of that rule. */
function cutBy({ events }: Outcome): unknown[][] {
  return events.map(({ fields }) => {
    const { limit, rule } = fields as { limit: number; rule: string };
    return [rule, limit];
  });
}

Deno.test("of the chunk and the soft limit the lower one cuts, and is named at each cut (block.md 1.3)", () => {
  const both = split([vec(0x100_0000, 40 * 512)], { chunkSectors: 32, maxUserSectors: 16 }, {
    sector: 20,
  });
  assertEquals(both.pieces.map(({ sector }) => sector), [20, 32, 48]);
  assertEquals(cutBy(both), [["chunk_sectors", 32], ["max_sectors", 16]]);
  const alike = split([vec(0x100_0000, 12 * 512)], { chunkSectors: 8, maxUserSectors: 8 });
  assertEquals(cutBy(alike), [["max_sectors", 8]]);
  const single = split([vec(0x100_0000, 3 * 512)], { chunkSectors: 1 }, { sector: 7 });
  assertEquals(single.pieces.map(({ sector }) => sector), [7, 8, 9]);
});

Deno.test("where no physical block ends within the limit, whole logical blocks are taken (block.md 1.3)", () => {
  const limits = { maxUserSectors: 8, physicalBlockSizeBytes: 8192, logicalBlockSizeBytes: 1024 };
  const large = [vec(0x100_0000, 20 * 512)];
  assertEquals(split(large, limits).pieces.map(({ sector }) => sector), [0, 8, 16]);
  // The bio begins at sector 12. Sector 16, where a physical block ends, is within the limit.
  assertEquals(split(large, limits, { sector: 12 }).pieces.map(({ sector }) => sector), [
    12,
    16,
    24,
  ]);
});

Deno.test("what is left behind a cut has nothing to look at only if it lies in one vector (block.md 1.3)", () => {
  const vecs = [vec(0x100_0000, 0x1400), vec(0x200_0000, 0x800)];
  assertEquals(shapes(split(vecs, { maxUserSectors: 8 })), [[0, 0x1000, 1], [8, 0xc00, 2]]);
  const alone = [vec(0x100_0000, 0x1400)];
  assertEquals(shapes(split(alone, { maxUserSectors: 8 })), [[0, 0x1000, 1], [8, 0x400, 1]]);
});

Deno.test("a passthrough command may end with a single byte (block.md 1.3)", () => {
  const outcome = split([vec(0x100_0000, 4096), vec(0x200_0000, 1)], {}, { op: "drv_in" });
  assertEquals([outcome.status, shapes(outcome)], ["OK", [[0, 4097, 2]]]);
});

Deno.test("a gap counts against the boundary's own mask, in multiples of it (block.md 1.3)", () => {
  const limits = { virtBoundaryMask: 511 };
  assertEquals(shapes(split(scattered([0, 0x200], [0x400, 0x200]), limits)), [[0, 0x400, 2]]);
  const begins = split(scattered([0, 0x200], [0x100, 0x200]), limits);
  assertEquals([shapes(begins), cutBy(begins)], [[[0, 0x200, 1], [1, 0x200, 1]], [[
    "virt_boundary",
    511,
  ]]]);
  const ends = split(scattered([0x100, 0x200], [0, 0x200]), limits);
  assertEquals(shapes(ends), [[0, 0x200, 1], [1, 0x200, 1]]);
});

Deno.test("segments inside a vector end at the longest one or at the boundary, whichever comes first (block.md 1.3)", () => {
  // The segments have 0x2000 bytes, 0x1800 bytes (up to the address 4 GiB), 0x2000 bytes, and the
  // remaining 0x800 bytes.
  const outcome = split([vec(0xffff_c800, 0x6000)], { maxSegmentSizeBytes: 0x2000 });
  assertEquals(shapes(outcome), [[0, 0x6000, 4]]);
});

Deno.test("a segment that ends off the virt boundary inside a vector is cut there (block.md 1.3)", () => {
  const off = split([vec(0x100_0000, 0x3000)], {
    virtBoundaryMask: 0xffff,
    segBoundaryMask: 0xfff,
  });
  assertEquals(shapes(off), [[0, 0x1000, 1], [8, 0x1000, 1], [16, 0x1000, 1]]);
  assertEquals(cutBy(off), [["virt_boundary", 0xffff], ["virt_boundary", 0xffff]]);
  // Both boundaries coincide: each segment but the last ends on a boundary.
  const on = split([vec(0x100_0200, 0x2000)], { virtBoundaryMask: 0xfff, segBoundaryMask: 0xfff });
  assertEquals(shapes(on), [[0, 0x2000, 3]]);
  const none = split([vec(0x100_0200, 0x2000)], { segBoundaryMask: 0xfff });
  assertEquals(shapes(none), [[0, 0x2000, 3]]);
});

Deno.test("what has no data is whole exactly at its limit, and its own limit is reported (block.md 1.3)", () => {
  const discard = (sizeSectors: number, limits: LimitsInput, sector = 3) =>
    split([], limits, { op: "discard", sizeBytes: sizeSectors * 512, sector });
  const granules = { maxDiscardSectors: 100, discardGranularityBytes: 8 * 512 };
  assertEquals(shapes(discard(96, granules)), [[3, 96 * 512, 1]]);
  const cut = discard(97, granules);
  assertEquals(shapes(cut), [[3, 93 * 512, 1], [96, 4 * 512, 1]]);
  assertEquals(cutBy(cut), [["max_discard_sectors", 100]]);
  // Without a granularity a piece may end at any sector.
  assertEquals(discard(15, { maxDiscardSectors: 7 }).pieces.map(({ sector }) => sector), [
    3,
    10,
    17,
  ]);
  const zeroes = (sizeSectors: number) =>
    split([], { maxWriteZeroesSectors: 100 }, {
      op: "write_zeroes",
      sizeBytes: sizeSectors * 512,
    });
  assertEquals(shapes(zeroes(100)), [[0, 100 * 512, 0]]);
  assertEquals(shapes(zeroes(101)), [[0, 100 * 512, 0], [100, 512, 0]]);
});

Deno.test("nothing of a bio is left for the next one: neither its segments nor its gap (block.md 1.3)", () => {
  const events = new EventStream(new VirtualClock());
  const quirks: QuirkName[] = ["gap_of_next_piece_counts"];
  const splitter = splitterOf({ maxWriteZeroesSectors: 8 }, events, { quirks });
  const withGap = () => new Bio("read", 0, WITH_GAP, vecsSizeBytes(WITH_GAP));
  const read = withGap();
  assertEquals([splitter.next(read), splitter.nrSegments, read.gapBit], [read, 4, 10]);
  const zeroes = new Bio("write_zeroes", 0, [], 16 * 512);
  const front = splitter.next(zeroes)!;
  assertEquals([front.sizeBytes, splitter.nrSegments, front.gapBit], [8 * 512, 0, 0]);
  splitter.next(withGap());
  splitter.next(new Bio("flush", 0, [], 0));
  assertEquals(splitter.nrSegments, 0);
});

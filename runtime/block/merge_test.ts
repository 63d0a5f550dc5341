import { assert, assertEquals } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { VirtualClock } from "../time/clock.ts";
import { KernelError } from "../errno.ts";
import { EventStream, type MachineEvent } from "../events.ts";
import type { KernelProfile, QuirkName } from "../kernels/behaviours.ts";
import { type Kernel, resolveKernel } from "../kernels/kernels.ts";
import { Bio, BIO_FLAG, type BioVec, type BlockOp, vecsSizeBytes } from "./bio.ts";
import {
  countedIntegritySegments,
  integritySegments,
  type NoMerges,
  RequestMerger,
} from "./merge.ts";
import { deriveLimits, type LimitsInput, type QueueLimits } from "./queue_limits.ts";
import { BlockRequest } from "./request.ts";
import { BioSplitter } from "./split.ts";

const WIDE: LimitsInput = {
  maxHwSectors: 16384,
  maxSegments: 256,
  maxSegmentSizeBytes: 0xffff_ffff,
  dmaAlignmentMask: 3,
};
const PRP_ONLY: LimitsInput = { virtBoundaryMask: 4095 };

function vec(phys: number, sizeBytes: number): BioVec {
  return { phys: phys as PhysAddr, sizeBytes };
}

/** A queue for merging, with the bios' gap bits and segments as its splitter computes them. */
class Queue {
  readonly limits: QueueLimits;
  readonly merger: RequestMerger;
  readonly events: MachineEvent<"block.merge">[] = [];
  readonly release: Kernel;
  readonly stream = new EventStream(new VirtualClock());
  readonly #splitter: BioSplitter;

  constructor(
    input: LimitsInput = {},
    kernel: KernelProfile = "7.2.12",
    quirks: readonly QuirkName[] = [],
    nomerges: NoMerges = 0,
  ) {
    const limits = deriveLimits({ ...WIDE, ...input }, 8192);
    assert(typeof limits !== "number");
    const events = this.stream;
    events.listen((event) => this.events.push(event as MachineEvent<"block.merge">));
    const release = resolveKernel({ kernel, quirks: new Set(quirks) });
    this.limits = limits;
    this.release = release;
    this.merger = new RequestMerger(limits, release, events, nomerges);
    this.#splitter = new BioSplitter(limits, release, events);
  }

  request(bio: Bio): BlockRequest {
    const whole = this.#splitter.next(bio);
    assertEquals(whole, bio, "a test's first bio fits whole");
    const request = new BlockRequest("disk", bio.op, [bio], this.limits);
    request.nrPhysSegments = this.#splitter.nrSegments;
    request.gapBit = bio.gapBit;
    request.nrIntegritySegments = bio.metadata.length;
    return request;
  }

  /** Bytes and segments of the pieces that a bio is cut into. */
  cut(bio: Bio): [number, number][] {
    const pieces: [number, number][] = [];
    for (;;) {
      const piece = this.#splitter.next(bio);
      assert(piece !== null);
      pieces.push([piece.sizeBytes, this.#splitter.nrSegments]);
      if (piece === bio) return pieces;
    }
  }

  join(request: BlockRequest, bio: Bio): boolean {
    const whole = this.#splitter.next(bio);
    assertEquals(whole, bio, "a test's bio fits whole");
    return this.merger.join(request, bio, this.#splitter.nrSegments);
  }

  /** The rule in the event of the last join. */
  get rule(): string | undefined {
    return this.events.at(-1)?.fields.rule;
  }
}

function bio(
  sector: number,
  vecs: readonly BioVec[],
  options: { op?: BlockOp; flags?: number; sizeBytes?: number; metadata?: BioVec[] } = {},
): Bio {
  const sizeBytes = options.sizeBytes ?? vecsSizeBytes(vecs);
  const made = new Bio(options.op ?? "read", sector, vecs, sizeBytes, options.flags ?? 0);
  if (options.metadata !== undefined) made.metadata = options.metadata;
  return made;
}

const A = 0x100_0000;
const B = 0x200_0000;

Deno.test("a bio is cut where it always is when nothing is joined (block.md ch. 1, assertion 12)", () => {
  const limits = { maxSegments: 128, maxSegmentSizeBytes: 65_536 };
  const parts = Array.from({ length: 200 }, (_, index) => vec(A + index * 4096, 512));
  for (const nomerges of [0, 2] as const) {
    const queue = new Queue(limits, "7.2.12", [], nomerges);
    assertEquals(queue.cut(bio(0, parts)), [[65_536, 128], [36_864, 72]]);
  }
});

Deno.test("a request joins the one before it when both and the queue have room (block.md 1.5)", () => {
  const queue = new Queue({ maxSegments: 3 });
  const first = queue.request(bio(0, [vec(A, 4096)]));
  const second = queue.request(bio(8, [vec(B, 4096), vec(A + 0x8200, 512)]));
  assertEquals(queue.merger.joinRequests(first, second), true);
  assertEquals(queue.events.length, 1);
  // An end at 4096 is page-aligned, so it adds no gap. Inside the second bio, a vector that starts
  // at offset 0x200 follows one that ends at 0x1000: that gap counts.
  assertEquals([first.bios.length, first.nrPhysSegments, first.gapBit], [2, 3, 10]);
  const third = queue.request(bio(17, [vec(B + 0x10_0000, 512)]));
  assertEquals([queue.merger.joinRequests(first, third), first.closed], [false, false]);
  // A joined request may have exactly the maximum number of segments, and of sectors.
  const last = queue.request(bio(17, [vec(B + 0x10_0000, 512)]));
  assertEquals(new Queue({ maxSegments: 4 }).merger.joinRequests(first, last), true);
  const eight = (sector: number, at: number) => queue.request(bio(sector, [vec(at, 4096)]));
  const sixteen = new Queue({ maxUserSectors: 16 }).merger;
  assertEquals(sixteen.joinRequests(eight(0, A), eight(8, B)), true);
  const less = new Queue({ maxUserSectors: 15 }).merger;
  assertEquals(less.joinRequests(eight(0, A), eight(8, B)), false);
  const gap = new Queue(PRP_ONLY);
  const short = gap.request(bio(0, [vec(A, 512)]));
  assertEquals(gap.merger.joinRequests(short, gap.request(bio(1, [vec(B, 4096)]))), false);
});

Deno.test("a merged request ends for its owners in the order in which their bios joined", () => {
  const request = new Queue().request(bio(80, [vec(A, 4096)]));
  const ended: string[] = [];
  for (const name of ["first", "second", "third"]) {
    request.addOwner({ requestEnded: () => ended.push(name) });
  }
  request.owner!.requestEnded(request);
  assertEquals(ended, ["first", "second", "third"]);
});

Deno.test("behind what is left of a cut vector, offsets count from the vector's first page", () => {
  const queue = new Queue();
  const rest = bio(0, [vec(A + 0x200, 0x10_0000 - 0x200)]);
  rest.advance(0x8000 - 0x200);
  // The vector ends 0x100000 bytes after the start of its first page: bit 20. Counted from the
  // start of the remaining part, the end would be 0xf8000.
  const request = queue.request(rest);
  const end = rest.sector + rest.sizeBytes / 512;
  assertEquals(queue.join(request, bio(end, [vec(B, 4096)])), true);
  assertEquals(request.gapBit, 21);
});

Deno.test("where two bios meet, the last vector of one and the first of the other count (block.md 1.5, gap)", () => {
  const queue = new Queue(PRP_ONLY);
  const two = (sector: number, first: BioVec, second: BioVec) => bio(sector, [first, second]);
  const joins = (side: "back" | "front", endBytes: number, nextPhys: number): boolean => {
    const before = two(0, vec(A, 8192), vec(B, endBytes));
    const behind = two(
      before.sizeBytes / 512,
      vec(nextPhys, 0x3000 - nextPhys % 4096),
      vec(A, 512),
    );
    return side === "back"
      ? queue.join(queue.request(before), behind)
      : queue.join(queue.request(behind), before);
  };
  assertEquals(joins("back", 4096, A), true);
  assertEquals(joins("back", 512, A), false);
  assertEquals(joins("back", 4096, A + 512), false);
  assertEquals(joins("back", 512, B + 512), true);
  assertEquals(joins("front", 4096, A), true);
  assertEquals(joins("front", 512, A), false);
});

Deno.test("of a cut vector only what is left joins the segment before it (block.md 1.6)", () => {
  const queue = new Queue({ segBoundaryMask: 0x1fff });
  const request = queue.request(bio(0, [vec(A, 4096)]));
  const rest = bio(0, [vec(A, 8192), vec(B, 4096)]);
  rest.advance(4096);
  assertEquals(queue.join(request, rest), true);
  // Together, the request's 4096 bytes and the remaining 4096 bytes of the vector end on the
  // segment boundary, so there is no gap between them. The whole vector of 8192 bytes would cross
  // the boundary, and there would be a gap.
  assertEquals(request.gapBit, 14);
});

Deno.test("a request that begins inside a page is refused, and stays open (block.md ch. 1, assertion 9)", () => {
  const queue = new Queue(PRP_ONLY);
  const request = queue.request(bio(0, [vec(A + 0x200, 0xe00)]));
  assertEquals(queue.join(request, bio(7, [vec(B, 4096)])), false);
  assertEquals(queue.rule, "gap");
  assertEquals(queue.events.at(-1)?.fields.joined, false);
  // The join is refused even where the memory of the request and that of the bio touch.
  assertEquals(queue.join(request, bio(7, [vec(A + 0x1000, 4096)])), false);
  assertEquals([request.closed, request.bios.length], [false, 1]);
});

Deno.test("with a virt boundary the join must be on it or touch (block.md 1.5, gap)", () => {
  const queue = new Queue(PRP_ONLY);
  const tries = (first: BioVec, second: BioVec): boolean => {
    const request = queue.request(bio(0, [first]));
    return queue.join(request, bio(first.sizeBytes / 512, [second]));
  };
  assertEquals(tries(vec(A, 4096), vec(B, 4096)), true);
  assertEquals(tries(vec(A, 4096), vec(B, 512)), true);
  assertEquals(tries(vec(A, 512), vec(B, 4096)), false);
  assertEquals(tries(vec(A, 4096), vec(B + 512, 512)), false);
  assertEquals(tries(vec(A, 512), vec(A + 512, 512)), true);
  // The rest of a cut vector begins one page after the vector's start.
  const rest = bio(0, [vec(B, 8192)]);
  rest.advance(4096);
  assertEquals(queue.join(queue.request(bio(0, [vec(A, 4096)])), rest), true);
});

Deno.test("a front merge asks the same of the bio that comes first (block.md 1.5)", () => {
  const queue = new Queue(PRP_ONLY);
  const request = queue.request(bio(8, [vec(A, 4096)]));
  assertEquals(queue.join(request, bio(1, [vec(B + 0x200, 0xe00)])), false);
  assertEquals(queue.rule, "gap");
  assertEquals(queue.join(request, bio(0, [vec(B, 4096)])), true);
  assertEquals(request.sector, 0);
});

Deno.test("too many sectors or segments close the request (block.md 1.5)", () => {
  const sectors = new Queue({ maxUserSectors: 24 });
  const long = sectors.request(bio(0, [vec(A, 8192)]));
  assertEquals(sectors.join(long, bio(16, [vec(B, 8192)])), false);
  assertEquals([sectors.rule, long.closed], ["sectors", true]);
  // A bio that would have fitted is now refused, too.
  assertEquals(sectors.join(long, bio(16, [vec(B, 512)])), false);

  const segments = new Queue({ maxSegments: 3 });
  const many = segments.request(bio(0, [vec(A, 4096), vec(B, 4096)]));
  assertEquals(segments.join(many, bio(16, [vec(A, 4096), vec(B, 4096)])), false);
  assertEquals([segments.rule, many.closed], ["segments", true]);
  const three = segments.request(bio(0, [vec(A, 4096), vec(B, 4096)]));
  assertEquals([segments.join(three, bio(16, [vec(A, 512)])), three.nrPhysSegments], [true, 3]);
  assertEquals(segments.join(many, bio(16, [vec(A, 4096)])), false);
  assertEquals(segments.merger.refusal, null, "nothing was looked at");
});

Deno.test("some flags forbid a merge on either side, ATOMIC on one alone (block.md 1.5)", () => {
  const queue = new Queue();
  const joined = (first: number, second: number) => {
    const request = queue.request(bio(0, [vec(A, 4096)], { flags: first }));
    return queue.join(request, bio(8, [vec(B, 4096)], { flags: second }));
  };
  const { ATOMIC, FUA, NOMERGE, NOWAIT, READ_AHEAD, USER } = BIO_FLAG;
  const either = (flag: number) => [joined(flag, 0), joined(0, flag), joined(flag, flag)];
  for (const flag of [NOMERGE, FUA, USER]) assertEquals(either(flag), [false, false, false]);
  for (const flag of [NOWAIT, READ_AHEAD]) assertEquals(either(flag), [true, true, true]);
  assertEquals(either(ATOMIC), [false, false, true]);
});

Deno.test("an attempt to merge tells what it looked at, in the name of the request (block.md 1.5)", () => {
  const queue = new Queue({ maxUserSectors: 24, maxSegments: 3, virtBoundaryMask: 511 });
  const request = queue.request(bio(8, [vec(A + 0x200, 512)]));
  request.id = 7;
  assertEquals(queue.join(request, bio(9, [vec(B + 0x400, 512), vec(B + 0x800, 512)])), true);
  assertEquals(queue.join(request, bio(7, [vec(B, 512)])), false);
  const front = queue.request(bio(8, [vec(A + 0x200, 512)]));
  assertEquals(queue.join(front, bio(6, [vec(B + 0x600, 1024)])), true);
  const limits = { max_sectors: 24, max_segments: 3, virt_boundary_mask: 511 };
  const at = (first_offset: number, end_offset: number, next_offset: number) => ({
    first_offset,
    end_offset,
    next_offset,
  });
  assertEquals(
    queue.events.map((
      { fields, request, why },
    ) => [fields.rule, fields.joined, request, why?.inputs]),
    [
      ["back", true, 7, {
        request: 7,
        bytes: 1536,
        segments: 3,
        ...limits,
        ...at(0x200, 0x400, 0x400),
      }],
      ["segments", false, 7, {
        request: 7,
        bytes: 2048,
        segments: 4,
        ...limits,
        ...at(0, 0x200, 0x200),
      }],
      ["front", true, 0, {
        request: 0,
        bytes: 1536,
        segments: 2,
        ...limits,
        ...at(0x600, 0xa00, 0x200),
      }],
    ],
  );
  assertEquals(queue.stream.context.request, null);
});

Deno.test("metadata that touches is one segment, inside a boundary (block.md 1.5)", () => {
  const { limits } = new Queue({ segBoundaryMask: 4095 });
  const count = (...parts: [number, number][]) =>
    integritySegments(bio(0, [], { metadata: parts.map(([at, size]) => vec(at, size)) }), limits);
  assertEquals([count(), count([0x5000, 64])], [0, 1]);
  assertEquals(count([0x5000, 64], [0x5040, 64], [0x5080, 8]), 1);
  assertEquals(count([0x5000, 64], [0x5048, 64], [0x5088, 8]), 2);
  assertEquals(count([0x5fc0, 64], [0x6000, 64]), 2);
  assertEquals(count([0x5000, 8], [0x5008, 8], [0x5000, 8]), 2);
});

Deno.test("6.1 counts a request's metadata when a bio might join it, 6.12 when it is made (block.md 1.5)", () => {
  const counts = (kernel: KernelProfile, nextSector: number) => {
    const queue = new Queue({ metadataBytes: 8, maxIntegritySegments: 1 }, kernel);
    const withMetadata = (sector: number, at: number) =>
      bio(sector, [vec(at, 4096)], { metadata: [vec(0x5000 + sector * 64, 64)] });
    const first = withMetadata(0, A);
    const request = queue.request(first);
    const { limits, release } = queue;
    request.nrIntegritySegments = countedIntegritySegments(release, first, limits);
    const made = request.nrIntegritySegments;
    const joins = queue.join(request, withMetadata(nextSector, B));
    return [made, joins, request.nrIntegritySegments, request.hasMetadata];
  };
  assertEquals(counts("6.1.192", 8), [0, false, 1, true]);
  assertEquals(counts("6.1.192", 800), [0, false, 0, true]);
  assertEquals(counts("6.12.117", 8), [1, false, 1, true]);
});

Deno.test("6.1 compares the size of a join before its metadata, which closes the request, too (block.md 1.5)", () => {
  const refused = (kernel: KernelProfile, limits: LimitsInput) => {
    const queue = new Queue({ metadataBytes: 8, maxIntegritySegments: 1, ...limits }, kernel);
    const withMetadata = (sector: number, at: number) =>
      bio(sector, [vec(at, 4096)], { metadata: [vec(0x5000 + sector * 512, 4096)] });
    const request = queue.request(withMetadata(0, A));
    queue.join(request, withMetadata(8, B));
    return [queue.merger.refusal, request.closed];
  };
  const small: LimitsInput = { maxHwSectors: 8 };
  assertEquals(refused("6.1.192", {}), ["integrity", true]);
  assertEquals(refused("6.1.192", small), ["sectors", true]);
  assertEquals(refused("6.12.117", {}), ["integrity", false]);
  assertEquals(refused("6.12.117", small), ["integrity", false]);
});

Deno.test("nothing joins a request that is closed, is without a bio, or whose queue merges nothing (block.md 1.5)", () => {
  const queue = new Queue();
  const next = () => queue.request(bio(8, [vec(B, 4096)]));
  const joins = (second: BlockRequest, nomerges: NoMerges = 0) => {
    const { merger } = new Queue({}, "7.2.12", [], nomerges);
    return merger.joinRequests(queue.request(bio(0, [vec(A, 4096)])), second);
  };
  const closed = next();
  closed.closed = true;
  const bare = new BlockRequest("disk", "read", [], queue.limits);
  assertEquals([joins(next()), joins(closed), joins(bare)], [true, false, false]);
  assertEquals([joins(next(), 1), joins(next(), 2)], [false, false]);
});

Deno.test("a merged request crosses no chunk (block.md 1.5, sectors)", () => {
  const queue = new Queue({ chunkSectors: 32 });
  const request = queue.request(bio(16, [vec(A, 4096)]));
  assertEquals(queue.join(request, bio(24, [vec(B, 4096)])), true);
  assertEquals(queue.join(request, bio(32, [vec(B, 512)])), false);
  assertEquals(queue.rule, "sectors");
});

Deno.test("two requests with metadata join as far as the queue takes its segments (block.md 1.5)", () => {
  const queue = new Queue({ metadataBytes: 8, maxIntegritySegments: 2 });
  const request = (sector: number, metadata: number): BlockRequest =>
    queue.request(
      bio(sector, [vec(A + sector * 0x1000, 4096)], {
        metadata: Array.from({ length: metadata }, (_, part) => vec(0x5000 + part * 0x100, 64)),
      }),
    );
  const joined = (...counts: [number, number]) => {
    const [first, second] = [request(0, counts[0]), request(8, counts[1])];
    const answer = [queue.merger.joinRequests(first, second), first.nrIntegritySegments];
    // The rule for joining a bio to a request is the same as for joining two requests.
    const alike = request(0, counts[0]);
    assertEquals([queue.join(alike, second.bios[0]!), alike.nrIntegritySegments], answer);
    assertEquals(queue.merger.refusal, answer[0] ? null : "integrity");
    return answer;
  };
  assertEquals(joined(1, 1), [true, 2]);
  assertEquals(joined(1, 2), [false, 1]);
  assertEquals(joined(1, 0), [false, 1]);
  assertEquals(joined(0, 1), [false, 0]);
  assertEquals(joined(0, 0), [true, 0]);
});

Deno.test("metadata must meet on the virt boundary too, seen from the first bio's (block.md 1.5)", () => {
  const queue = new Queue({ ...PRP_ONLY, metadataBytes: 8, maxIntegritySegments: 15 });
  const joins = (first: BioVec[], phys: number) => {
    const request = queue.request(bio(0, [vec(A, 4096)], { metadata: first }));
    const next = bio(8, [vec(B, 4096)], { metadata: [vec(phys, 64)] });
    return [queue.join(request, next), queue.rule, request.closed];
  };
  assertEquals(joins([vec(0x5040, 64)], 0x6000), [false, "integrity_gap", false]);
  assertEquals(joins([vec(0x5000, 64)], 0x5040)[0], true);
  // After a vector that ends on a page boundary, only a vector that begins on a page boundary can
  // follow.
  const paged = [vec(0x5000, 4096), vec(0x9800, 0x800)];
  assertEquals([joins(paged, 0x7040)[0], joins(paged, 0x7000)[0]], [false, true]);
  assertEquals(joins([vec(0x5000, 4096), vec(0x9000, 64)], 0xa000)[0], false);
});

Deno.test("a request that has been started takes nothing more (block.md 1.5)", () => {
  const queue = new Queue();
  const mapped = queue.request(bio(0, [vec(A, 4096)]));
  mapped.mapped = true;
  assertEquals(queue.join(mapped, bio(8, [vec(B, 4096)])), false);
  const tagged = queue.request(bio(0, [vec(A, 4096)]));
  tagged.cid = 1;
  assertEquals(queue.join(tagged, bio(8, [vec(B, 4096)])), false);
});

Deno.test("discards need not touch where a command holds several ranges (block.md 1.5)", () => {
  const discard = (sector: number, sectors: number): Bio =>
    bio(sector, [], { op: "discard", sizeBytes: sectors * 512 });
  const queue = new Queue({ maxDiscardSegments: 3, maxDiscardSectors: 100 });
  const request = queue.request(discard(0, 8));
  assertEquals(queue.join(request, discard(1000, 8)), true);
  assertEquals(queue.rule, "discard");
  assertEquals(queue.join(request, discard(500, 80)), true);
  assertEquals(request.bios.map(({ sector }) => sector), [0, 1000, 500]);
  assertEquals(queue.join(request, discard(2000, 1)), false);
  assertEquals([queue.rule, request.closed], ["ranges", true]);

  const full = queue.request(discard(0, 90));
  assertEquals(queue.join(full, discard(1000, 10)), true);
  const few = queue.request(discard(0, 90));
  assertEquals(queue.join(few, discard(1000, 11)), false);
  assertEquals(queue.rule, "sectors");

  const two = new Queue({ maxDiscardSegments: 2, maxDiscardSectors: 100 });
  assertEquals(two.join(two.request(discard(0, 8)), discard(16, 8)), true);
  const one = new Queue({ maxDiscardSegments: 1, maxDiscardSectors: 100 });
  const single = one.request(discard(0, 8));
  assertEquals(one.join(single, discard(16, 8)), false);
  assertEquals(one.join(single, discard(8, 8)), true);
  assertEquals(one.rule, "back");
});

Deno.test("gap_bits_without_data: a discard that joins another has no vector to look at (defects.md M6)", () => {
  const kinds: readonly BlockOp[] = ["read", "write", "flush", "write_zeroes", "discard"];
  const crashes = (...quirks: QuirkName[]): BlockOp[] =>
    kinds.filter((op) => {
      const queue = new Queue(
        { maxDiscardSegments: 256, maxDiscardSectors: 1000, maxWriteZeroesSectors: 1000 },
        "7.2.12",
        quirks,
      );
      const hasData = op === "read" || op === "write";
      const next = (sector: number): Bio =>
        bio(sector, hasData ? [vec(0x10_0000 + sector * 512, 4096)] : [], {
          op,
          sizeBytes: op === "flush" ? 0 : 4096,
        });
      const request = queue.request(next(0));
      if (quirks.length === 0) return void queue.join(request, next(8));
      try {
        queue.join(request, next(8));
        return false;
      } catch (error) {
        assertEquals((error as Error).message.includes("attempt_merge"), true);
        assertEquals((error as Error).message.includes("no vector to look at for gaps"), true);
        return error instanceof KernelError && error.errno === "EFAULT";
      }
    });
  assertEquals(crashes(), []);
  assertEquals(crashes("gap_bits_without_data"), ["discard"]);
  const old = new Queue({ maxDiscardSegments: 256, maxDiscardSectors: 1000 }, "6.12.117", [
    "gap_bits_without_data",
  ]);
  const discard = (sector: number): Bio => bio(sector, [], { op: "discard", sizeBytes: 4096 });
  // A release without gap bits has no wrong gap bit, so the requests are joined.
  assertEquals(old.join(old.request(discard(0)), discard(8)), true);
});

/**
 * Converts captured system calls to the requests that the block layer makes of them.
 *
 * @see rules/block.md 1.3 to 1.6
 */
import type { Kernel } from "@dmalab/runtime/kernels";
import {
  Bio,
  BIO_FLAG,
  BioSplitter,
  type BioVec,
  type BlockOp,
  BlockRequest,
  type Bytes,
  countedIntegritySegments,
  DeadlineScheduler,
  EventStream,
  type NoMerges,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  Plug,
  type PlugTarget,
  type QueueLimits,
  RequestMerger,
  SECTOR_SIZE_BYTES,
  VirtualClock,
} from "@dmalab/runtime";
import {
  BioBuilder,
  MAX_BIO_VECS,
  type PageJoin,
  pageJoinOf,
  type UserPiece,
  type UserRun,
} from "./bio_builder.ts";
import type { CapturedCall } from "./submission_data.ts";

/** From this number on, calls that are submitted together are plugged. */
const PLUG_FROM_CALLS = 3;
/** Size of a discard's list of ranges: a page. */
const RANGES_BYTES = PAGE_SIZE_BYTES;

const CACHED_PAGE = {
  sizeBytes: PAGE_SIZE_BYTES,
  folioBytes: PAGE_SIZE_BYTES,
  provider: null,
};

/** Returns the next address of memory that the kernel allocates for itself, from the captures. */
export type KernelPages = () => PhysAddr;

/** Settings of the queue. */
export interface QueueSetup {
  readonly nomerges: NoMerges;
  readonly scheduled: boolean;
  /** Whether each buffer of direct I/O must consist of whole blocks, as up to 6.12. */
  readonly wholeBlocks: boolean;
  /**
   * Returns the kernel's own metadata for the data that begins at a sector; null if the metadata is
   * not known.
   */
  readonly metadataAt?: (sector: number) => readonly BioVec[] | null;
}

export class SubmissionModel implements PlugTarget<BlockRequest> {
  readonly merger: RequestMerger;
  /** Requests in the order in which the driver got them. */
  readonly sent: BlockRequest[] = [];
  readonly #splitter: BioSplitter;
  readonly #join: PageJoin;
  readonly #wholeBlocks: boolean;
  readonly #metadataAt: (sector: number) => readonly BioVec[] | null;

  /**
   * Requests that wait for the scheduler's worker. The worker runs when all calls of a task have
   * been submitted. Null without a scheduler.
   */
  readonly #scheduler: DeadlineScheduler<BlockRequest> | null;

  constructor(
    private readonly limits: QueueLimits,
    private readonly kernel: Kernel,
    { metadataAt = () => null, nomerges, scheduled, wholeBlocks }: QueueSetup,
  ) {
    this.#metadataAt = metadataAt;
    this.#wholeBlocks = wholeBlocks;
    this.#join = pageJoinOf(kernel);
    const clock = new VirtualClock();
    const events = new EventStream(clock);
    this.#splitter = new BioSplitter(limits, kernel, events);
    this.merger = new RequestMerger(limits, kernel, events, nomerges);
    this.#scheduler = scheduled ? new DeadlineScheduler(clock) : null;
  }

  sendBatch(requests: readonly BlockRequest[]): void {
    for (const request of requests) this.#send(request);
  }

  #send(request: BlockRequest): void {
    if (this.#scheduler === null || request.userCommand) this.sent.push(request);
    else {
      this.#scheduler.insert(request);
      this.#joinNeighbours(this.#scheduler, request);
    }
  }

  #joinNeighbours(scheduler: DeadlineScheduler<BlockRequest>, grown: BlockRequest): void {
    const joined = scheduler.joinNeighbour(this.merger, grown);
    if (joined !== null) this.#joinNeighbours(scheduler, joined.kept);
  }

  /** The scheduler's worker. */
  #dispatch(): void {
    const next = this.#scheduler?.next() ?? null;
    if (next === null) return;
    this.sent.push(next);
    this.#dispatch();
  }

  /**
   * Submits the calls that one task makes together.
   * @returns For each call whether it was refused with EINVAL.
   */
  run(
    calls: readonly CapturedCall[],
    memory: (call: CapturedCall) => readonly UserPiece[],
    pages: (call: CapturedCall) => KernelPages,
  ): readonly boolean[] {
    const plug = calls.length >= PLUG_FROM_CALLS ? new Plug<BlockRequest>() : null;
    const refused = calls.map((call) => !this.#call(call, memory(call), pages(call), plug));
    plug?.flush();
    this.#dispatch();
    return refused;
  }

  /** @returns False when the call was refused. */
  #call(
    call: CapturedCall,
    pieces: readonly UserPiece[],
    pages: KernelPages,
    plug: Plug<BlockRequest> | null,
  ): boolean {
    switch (call.how) {
      case "preadv":
      case "aio":
        return this.#directIo(call, pieces, pages, plug);
      case "passthru":
      case "passthru_vec":
        return this.#passthrough(call, pieces);
      case "ioctl":
        return this.#discard(call, pages);
    }
  }

  #directIo(
    call: CapturedCall,
    pieces: readonly UserPiece[],
    pages: KernelPages,
    plug: Plug<BlockRequest> | null,
  ): boolean {
    const blockBytes = this.limits.logicalBlockSizeBytes;
    if (this.#wholeBlocks && !pieces.every((piece) => isAligned(piece, blockBytes))) {
      return false;
    }
    const op = call.op as BlockOp;
    const builder = new BioBuilder(pieces, this.#join, blockBytes);
    let sector = call.slba * (blockBytes / SECTOR_SIZE_BYTES);
    // If the pages of a call fit into one bio, the call submits only one bio, even if that bio does
    // not contain all bytes. The remaining bytes go through the page cache.
    const alone = builder.leftPages <= MAX_BIO_VECS;
    // A write has a plug around the whole call. This matters only on releases where the order of
    // requests depends on the plug. There, a call that must wait goes to sleep, which flushes the
    // plug.
    const isWrite = op === "write" && this.merger.plugsNewestFirst;
    const own = plug !== null || (alone && !isWrite) ? null : new Plug<BlockRequest>();
    let ok = true;
    do {
      const bio = builder.next(op, sector);
      if (bio === null) return false;
      sector += bio.sizeBytes / SECTOR_SIZE_BYTES;
      ok = this.#submit(bio, plug ?? own);
    } while (ok && !alone && builder.leftBytes > 0);
    own?.flush(isWrite && call.how === "preadv");
    if (ok && builder.leftBytes > 0) this.#buffered(op, sector, builder.leftBytes, pages);
    return ok;
  }

  /**
   * Submits whole pages through the page cache. A read uses one bio, which joins adjacent pages. A
   * write uses a separate bio for each page.
   */
  #buffered(op: BlockOp, sector: number, sizeBytes: Bytes, pages: KernelPages): void {
    const plug = new Plug<BlockRequest>();
    const cached: UserRun[] = [];
    for (let at = 0; at < sizeBytes; at += PAGE_SIZE_BYTES) {
      cached.push({ phys: pages(), ...CACHED_PAGE });
    }
    const parts = op === "read" ? [cached] : cached.map((page) => [page]);
    let at = sector;
    for (const part of parts) {
      const bio = new BioBuilder([part], "contiguous", PAGE_SIZE_BYTES).next(op, at)!;
      at += bio.sizeBytes / SECTOR_SIZE_BYTES;
      this.#submit(bio, plug);
    }
    plug.flush();
  }

  #passthrough(call: CapturedCall, pieces: readonly UserPiece[]): boolean {
    const op = call.op === "read" ? "drv_in" : "drv_out";
    const builder = new BioBuilder(pieces, this.#join, 1);
    const bio = builder.next(op, call.slba);
    if (bio === null || builder.leftBytes > 0) return false;
    bio.flags |= BIO_FLAG.USER;
    return this.#submit(bio, null);
  }

  #discard({ slba, bytes }: CapturedCall, pages: KernelPages): boolean {
    const first = this.sent.length;
    const ok = this.#submit(new Bio("discard", slba, [], bytes), null);
    this.#dispatch();
    for (const request of this.sent.slice(first)) {
      request.specialPayload = { phys: pages(), sizeBytes: RANGES_BYTES };
    }
    return ok;
  }

  /** @returns False when the rest of the bio was refused. */
  #submit(bio: Bio, plug: Plug<BlockRequest> | null): boolean {
    for (;;) {
      const piece = this.#splitter.next(bio);
      if (piece === null) return false;
      this.#attachMetadata(piece);
      const { nrSegments } = this.#splitter;
      const joined = plug?.join(this, piece, nrSegments) ?? this.#joinWaiting(piece, nrSegments);
      if (joined === null) {
        const request = this.#request(piece, nrSegments);
        if (plug === null) this.#send(request);
        else plug.hold(this, request);
      }
      if (piece === bio) return true;
    }
  }

  #joinWaiting(bio: Bio, nrSegments: number): BlockRequest | null {
    const joined = this.#scheduler?.join(this.merger, bio, nrSegments) ?? null;
    if (joined !== null) this.#joinNeighbours(this.#scheduler!, joined);
    return joined;
  }

  /** Attaches the kernel's own metadata of a bio: one buffer at any address. */
  #attachMetadata(bio: Bio): void {
    if (this.limits.metadataBytes === 0 || bio.vecs.length === 0) return;
    const blocks = bio.sizeBytes / this.limits.logicalBlockSizeBytes;
    bio.metadata = this.#metadataAt(bio.sector) ??
      [{ phys: 0 as PhysAddr, sizeBytes: blocks * this.limits.metadataBytes }];
  }

  #request(bio: Bio, nrSegments: number): BlockRequest {
    const request = new BlockRequest("nvme", bio.op, [bio], this.limits);
    request.nrPhysSegments = nrSegments;
    request.gapBit = bio.gapBit;
    request.nrIntegritySegments = countedIntegritySegments(this.kernel, bio, this.limits);
    return request;
  }
}

function isAligned(piece: UserPiece, blockBytes: Bytes): boolean {
  let sizeBytes = 0;
  for (const run of piece) sizeBytes += run.sizeBytes;
  return sizeBytes % blockBytes === 0;
}

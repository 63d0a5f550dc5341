/**
 * Memory that a request needs besides its data: the list of ranges of a discard, metadata, and
 * pages to which a user's memory is copied.
 *
 * @see rules/nvme.md 2.2 (discard), 3 (metadata), rules/block.md 1.8 (copies)
 */
import {
  type Bio,
  type BioVec,
  type Bytes,
  type CopyReason,
  type EventFields,
  eventId,
  INJECTION,
  integritySegments,
  invariant,
  type Machine,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  type QueueLimits,
  SECTOR_SIZE_BYTES,
  sliceVecs,
  vecsSizeBytes,
  whyCopied,
} from "@dmalab/runtime";
import { DSM_RANGE_BYTES, type NvmeRequest } from "./driver/request.ts";
import type { NamespaceFacts } from "./driver/nvme_limits.ts";
import { CTRL_PAGE_BYTES } from "./driver/protocol.ts";

type Cost = EventFields<"mem.alloc">;

const MEM_ALLOC = eventId("mem.alloc");
const MEM_FREE = eventId("mem.free");

/** The pages that contain the pieces that `copyUser` returned. */
function pagesOf(copies: readonly BioVec[]): readonly PhysAddr[] {
  const pages: PhysAddr[] = [];
  for (const { phys, sizeBytes } of copies) {
    for (let at = 0; at < sizeBytes; at += PAGE_SIZE_BYTES) pages.push(phys + at as PhysAddr);
  }
  return pages;
}

/** Splits a buffer into one vector for each of its pages. */
function piecesByPage(start: PhysAddr, sizeBytes: Bytes): BioVec[] {
  const pieces: BioVec[] = [];
  for (let at = 0; at < sizeBytes;) {
    const leftBytes = PAGE_SIZE_BYTES - (start + at) % PAGE_SIZE_BYTES;
    const pieceBytes = Math.min(leftBytes, sizeBytes - at);
    pieces.push({ phys: start + at as PhysAddr, sizeBytes: pieceBytes });
    at += pieceBytes;
  }
  return pieces;
}

export class RequestPayload {
  readonly #machine: Machine;
  readonly #namespace: NamespaceFacts;

  constructor(machine: Machine, namespace: NamespaceFacts) {
    this.#machine = machine;
    this.#namespace = namespace;
  }

  /** Whether a caller's metadata has exactly the size for the bio's blocks. */
  fits(bio: Bio): boolean {
    return bio.metadata.length === 0 ||
      vecsSizeBytes(bio.metadata) === this.#metadataBytes(bio.sizeBytes);
  }

  /**
   * Whether a request's metadata has no more segments than the queue takes.
   * @see rules/block.md 1.5, nvme.md 1 (max metadata segments)
   */
  segmentsFit(bio: Bio, limits: QueueLimits): boolean {
    return bio.metadata.length <= 1 ||
      integritySegments(bio, limits) <= limits.maxIntegritySegments;
  }

  /**
   * The reason why a queue cannot take the metadata of a passthrough command directly; null if the
   * queue can take it.
   * @see rules/block.md 1.8
   */
  whyMetadataCopied(bio: Bio, limits: QueueLimits): CopyReason | null {
    return whyCopied(bio.metadata, limits, true) ??
      (this.segmentsFit(bio, limits) ? null : "segments");
  }

  /** Moves the caller's metadata for the blocks of a split-off piece to that piece. */
  cut(front: Bio, rest: Bio): void {
    if (rest.metadata.length === 0) return;
    const frontBytes = this.#metadataBytes(front.sizeBytes);
    front.metadata = sliceVecs(rest.metadata, 0, frontBytes);
    rest.metadata = sliceVecs(rest.metadata, frontBytes, Infinity);
  }

  /**
   * Allocates the memory that a request needs besides its data. This memory is freed when the
   * request ends.
   * @returns False if the memory cannot be allocated.
   */
  attach(request: NvmeRequest): boolean {
    switch (request.op) {
      case "discard":
        return this.#attachRanges(request);
      case "read":
      case "write":
        return this.#namespace.metadataBytes === 0 || this.#attachMetadata(request);
      default:
        this.#countMetadata(request);
        return true;
    }
  }

  /**
   * Allocates kernel pages as copies of a user's memory. For a write, the pages are filled with the
   * user's bytes, each page from its start. For a read, they are zeroed.
   * @param blockBytes Size of a piece, by default a page; for metadata, the size of all metadata.
   * @returns The pages, of which the last may be short; null if they cannot be allocated.
   */
  copyUser(
    vecs: readonly BioVec[],
    toDevice: boolean,
    blockBytes: Bytes = PAGE_SIZE_BYTES,
  ): readonly BioVec[] | null {
    const { hostMemory } = this.#machine;
    const copies: BioVec[] = [];
    for (let leftBytes = vecsSizeBytes(vecs); leftBytes > 0; leftBytes -= blockBytes) {
      const sizeBytes = Math.min(leftBytes, blockBytes);
      const page = this.#takePages(Math.ceil(sizeBytes / PAGE_SIZE_BYTES));
      if (page === null) {
        this.freeCopies(copies);
        return null;
      }
      const copy = { phys: page[0]!, sizeBytes };
      copies.push(copy);
      if (!toDevice) hostMemory.fill(copy.phys, copy.sizeBytes, 0);
    }
    if (toDevice) this.#copy(vecs, copies);
    return copies;
  }

  /**
   * Attaches copies to a request. They are freed when the request ends. At the end of a read, their
   * data is copied back to the user first.
   */
  lendCopies(
    request: NvmeRequest,
    user: readonly BioVec[],
    copies: readonly BioVec[],
    reason: CopyReason,
  ): void {
    const { events } = this.#machine;
    const sizeBytes = vecsSizeBytes(copies);
    invariant(sizeBytes === vecsSizeBytes(user), "copies hold all of a user's memory");
    const cost: Cost = { what: "user_copy", size_bytes: sizeBytes, from: "pages" };
    const before = events.context.enterWork(request.device, request.id);
    if (events.tick(MEM_ALLOC)) {
      const pages = pagesOf(copies).length;
      events.emit(MEM_ALLOC, cost, { rule: "block.1.8", inputs: { reason, pages } });
    }
    events.context.leave(before);
    const release = () => {
      if (request.op === "drv_in") this.#copy(copies, user);
      this.freeCopies(copies);
      if (events.tick(MEM_FREE)) events.emit(MEM_FREE, cost);
    };
    request.addRelease(release);
  }

  /** Frees pages of `copyUser`. */
  freeCopies(copies: readonly BioVec[]): void {
    this.#machine.pages.free(pagesOf(copies));
  }

  /** Copies bytes from some pieces to others of the same total length. */
  #copy(from: readonly BioVec[], to: readonly BioVec[]): void {
    let index = 0;
    let doneBytes = 0;
    for (const { phys, sizeBytes } of to) {
      for (let at = 0; at < sizeBytes;) {
        const source = from[index]!;
        const partBytes = Math.min(sizeBytes - at, source.sizeBytes - doneBytes);
        const start = (source.phys + doneBytes) as PhysAddr;
        this.#machine.hostMemory.copy(start, (phys + at) as PhysAddr, partBytes);
        at += partBytes;
        doneBytes += partBytes;
        if (doneBytes < source.sizeBytes) continue;
        index++;
        doneBytes = 0;
      }
    }
  }

  #metadataBytes(dataBytes: Bytes): Bytes {
    return (dataBytes / this.#namespace.blockSizeBytes) * this.#namespace.metadataBytes;
  }

  /** Adds metadata if the caller gave none: zeros for writes. */
  #attachMetadata(request: NvmeRequest): boolean {
    const bio = request.bios[0]!;
    if (bio.metadata.length === 0) {
      const sizeBytes = request.formatMetadataBytes;
      const phys = this.#lend(request, "metadata", sizeBytes);
      if (phys === null) return false;
      if (request.op === "write") this.#machine.hostMemory.fill(phys, sizeBytes, 0);
      bio.metadata = this.#machine.kernel.own_metadata_by_pages
        ? piecesByPage(phys, sizeBytes)
        : [{ phys, sizeBytes }];
    }
    this.#countMetadata(request);
    return true;
  }

  #countMetadata(request: NvmeRequest): void {
    if (!request.hasMetadata || this.#machine.kernel.metadata_counted_at_join) return;
    request.nrIntegritySegments = request.metadataSegments().length;
  }

  /** Attaches a discard's payload: a page with one range for each of its bios. */
  #attachRanges(request: NvmeRequest): boolean {
    const { hostMemory } = this.#machine;
    const range = new DataView(new ArrayBuffer(DSM_RANGE_BYTES));
    const phys = this.#lend(request, "discard_ranges", CTRL_PAGE_BYTES);
    if (phys === null) return false;
    const blockBytes = this.#namespace.blockSizeBytes;
    request.bios.forEach((bio, index) => {
      const lba = (bio.sector * SECTOR_SIZE_BYTES) / blockBytes;
      range.setUint32(4, bio.sizeBytes / blockBytes, true);
      range.setUint32(8, lba, true);
      range.setUint32(12, Math.floor(lba / 2 ** 32), true);
      const at = phys + index * DSM_RANGE_BYTES as PhysAddr;
      hostMemory.write(at, new Uint8Array(range.buffer), 0, DSM_RANGE_BYTES);
    });
    request.specialPayload = { phys, sizeBytes: CTRL_PAGE_BYTES };
    return true;
  }

  #takePages(count: number): readonly PhysAddr[] | null {
    const { faults, pages } = this.#machine;
    if (faults !== null && faults.errnoAt(INJECTION.alloc_pages) !== 0) return null;
    return pages.alloc(count, { contiguous: true, owner: "driver" });
  }

  /** Allocates whole pages for a request. */
  #lend(request: NvmeRequest, what: Cost["what"], sizeBytes: Bytes): PhysAddr | null {
    const lent = this.#takePages(Math.ceil(sizeBytes / PAGE_SIZE_BYTES));
    if (lent === null) return null;
    const { events, pages } = this.#machine;
    const cost: Cost = { what, size_bytes: sizeBytes, from: "kmalloc" };
    // A request that may be merged into another one has no number yet.
    const before = events.context.enterWork(request.device, request.request);
    if (events.tick(MEM_ALLOC)) events.emit(MEM_ALLOC, cost);
    events.context.leave(before);
    const release = () => {
      pages.free(lent);
      if (events.tick(MEM_FREE)) events.emit(MEM_FREE, cost);
    };
    request.releasePayload = release;
    return lent[0]!;
  }
}

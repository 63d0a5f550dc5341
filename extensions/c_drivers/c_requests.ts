/**
 * Block requests for a driver in C: a `struct request` for each tag, followed by the driver's own area,
 * and the vectors of its bios.
 *
 * A tag belongs to a device, and a request gets the lowest free tag. The `struct request` of a tag and
 * the driver's area stay at the same address. Therefore the next request of the tag finds the area as
 * the previous request left it. Between two requests, C must not access the structure or the area.
 */
import { directAddress, type DmaDevice } from "@dmalab/runtime/dma";
import {
  alignUp,
  type BioVec,
  BLK_STS,
  type BlkDmaIter,
  type BlkStatus,
  type BlockOp,
  type BlockRequest,
  opDirection,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "@dmalab/runtime";
import { type CKernel, hex } from "./c_kernel.ts";
import { MARK } from "./c_memory.ts";

/**
 * Offsets of the members of `struct request`, equal to those in
 * `extensions/c_drivers/include/linux/blk-mq.h`.
 */
export const REQUEST = {
  q: 0,
  mq_hctx: 8,
  bio: 16,
  cmd_flags: 24,
  rq_flags: 28,
  tag: 32,
  timeout: 36,
  __data_len: 40,
  dmalab_segments: 44,
  __sector: 48,
  special_vec: 56,
  dmalab_vecs: 72,
  dmalab_vec_count: 80,
} as const;
const REQUEST_BYTES = 88;
/** Offset and size of the driver's area. */
export const PDU = { at: 128, bytes: 1024 } as const;

/**
 * Offsets of the members of `struct bio_vec`, equal to those in
 * `extensions/c_drivers/include/linux/bvec.h`.
 */
export const BIO_VEC = { bv_page: 0, bv_len: 8, bv_offset: 12 } as const;
const BIO_VEC_BYTES = 16;

/**
 * Size of `struct request_queue`; `HCTX_BYTES`: that of `struct blk_mq_hw_ctx`. Both structures
 * have only fields that drivers use.
 */
const QUEUE_BYTES = 16;
const HCTX = { driver_data: 0, queue: 8 } as const;
const HCTX_BYTES = 24;

/** The numbers of operations. @see rules/c-api.md 2 */
export const REQ_OP: Readonly<Record<BlockOp, number>> = {
  read: 0,
  write: 1,
  flush: 2,
  discard: 3,
  write_zeroes: 9,
  drv_in: 34,
  drv_out: 35,
};

/** A bit of `rq_flags`: the request's memory is that of `special_vec`. */
export const RQF_SPECIAL_PAYLOAD = 1;
/** The request timeout in jiffies, 1000 a second here. */
const TIMEOUT_JIFFIES = 30_000;

/** A `struct request`, reused by the requests of one tag. */
interface Slot {
  readonly at: number;
  readonly tag: number;
  /** The request that uses the slot; null while the tag is free. */
  request: BlockRequest | null;
  /** Address of the vectors; `vecsRoom`: number of vectors for which there is room. */
  vecsAt: number;
  vecsRoom: number;
  /**
   * The request's memory that C cannot access yet, by page. Null until C first asks for the address
   * of a page.
   */
  hidden: Map<number, readonly BioVec[]> | null;
}

/** The state shared by all requests of a device. */
interface Queue {
  readonly at: number;
  readonly hctxAt: number;
  readonly slots: Slot[];
}

export class CRequests {
  readonly #queues = new Map<DmaDevice, Queue>();
  readonly #slots = new Map<number, Slot>();
  /** Iterations over requests that have begun, by the address of their `struct blk_dma_iter`. */
  readonly walks = new Map<number, BlkDmaIter>();

  constructor(private readonly kernel: CKernel) {}

  /** The address of a request in C. If the request has no tag, this assigns a tag to it. */
  pointerTo(request: BlockRequest): number {
    for (const { at, request: there } of this.#slots.values()) if (there === request) return at;
    const kernel = this.kernel;
    const device = kernel.context.lab.devices.get(request.device)!.dma;
    const queue = this.#queueOf(device);
    const slot = queue.slots.find((each) => each.request === null) ?? this.#newSlot(queue);
    slot.request = request;
    slot.hidden = null;
    kernel.memory.open(slot.at, REQUEST_BYTES);
    kernel.memory.open(slot.at + PDU.at, PDU.bytes);
    this.#fill(slot, queue, request);
    return slot.at;
  }

  #queueOf(device: DmaDevice): Queue {
    return this.#queues.getOrInsertComputed(device, () => {
      const { kernel } = this;
      const at = kernel.room(QUEUE_BYTES);
      const hctxAt = kernel.room(HCTX_BYTES);
      kernel.memory.putWord(hctxAt + HCTX.queue, at);
      return { at, hctxAt, slots: [] };
    });
  }

  #newSlot(queue: Queue): Slot {
    const at = this.kernel.room(PDU.at + PDU.bytes);
    this.kernel.memory.close(at + REQUEST_BYTES, PDU.at - REQUEST_BYTES, MARK.BEHIND);
    const slot: Slot = {
      at,
      tag: queue.slots.length,
      request: null,
      vecsAt: 0,
      vecsRoom: 0,
      hidden: null,
    };
    queue.slots.push(slot);
    this.#slots.set(at, slot);
    return slot;
  }

  /** Writes a request's fields into C's memory; the driver's area stays unchanged. */
  #fill(slot: Slot, queue: Queue, request: BlockRequest): void {
    const { memory } = this.kernel;
    const { bytes, view } = memory;
    const { at } = slot;
    const vecs = vecsOf(request);
    this.#putVecs(slot, vecs);
    bytes.fill(0, at, at + REQUEST_BYTES);
    memory.putWord(at + REQUEST.q, queue.at);
    memory.putWord(at + REQUEST.mq_hctx, queue.hctxAt);
    // Drivers only test whether there is a bio, not which one.
    memory.putWord(at + REQUEST.bio, vecs.length === 0 ? 0 : slot.vecsAt);
    view.setUint32(at + REQUEST.cmd_flags, REQ_OP[request.op], true);
    view.setInt32(at + REQUEST.tag, slot.tag, true);
    view.setUint32(at + REQUEST.timeout, TIMEOUT_JIFFIES, true);
    view.setUint32(at + REQUEST.__data_len, request.bytes, true);
    view.setUint32(at + REQUEST.dmalab_segments, request.nrPhysSegments, true);
    memory.putWord(at + REQUEST.__sector, request.sector);
    memory.putWord(at + REQUEST.dmalab_vecs, slot.vecsAt);
    view.setUint32(at + REQUEST.dmalab_vec_count, vecs.length, true);
  }

  #putVecs(slot: Slot, vecs: readonly BioVec[]): void {
    const kernel = this.kernel;
    if (vecs.length > slot.vecsRoom) {
      const sizeBytes = alignUp(vecs.length * BIO_VEC_BYTES, PAGE_SIZE_BYTES / 4);
      slot.vecsAt = kernel.room(sizeBytes);
      slot.vecsRoom = sizeBytes / BIO_VEC_BYTES;
    }
    if (slot.vecsRoom === 0) return;
    kernel.memory.close(slot.vecsAt, slot.vecsRoom * BIO_VEC_BYTES, MARK.BEHIND);
    kernel.memory.open(slot.vecsAt, vecs.length * BIO_VEC_BYTES);
    vecs.forEach((vec, index) => this.#putVec(slot.vecsAt + index * BIO_VEC_BYTES, vec));
  }

  /**
   * Lets C access the memory that requests have in a page. Called when C asks for the page's
   * address, because an access is then likely.
   */
  showPage(page: PhysAddr): void {
    const kernel = this.kernel;
    for (const slot of this.#slots.values()) {
      if (slot.request === null) continue;
      slot.hidden ??= byPage(vecsOf(slot.request), kernel.machine.pages.pageSizeBytes);
      for (const { phys, sizeBytes } of slot.hidden.get(page) ?? []) kernel.lend(phys, sizeBytes);
      slot.hidden.delete(page);
    }
  }

  #putVec(at: number, { phys, sizeBytes }: BioVec): void {
    const { machine, memory } = this.kernel;
    memory.putWord(at + BIO_VEC.bv_page, this.kernel.pageAt(phys));
    memory.view.setUint32(at + BIO_VEC.bv_len, sizeBytes, true);
    memory.view.setUint32(at + BIO_VEC.bv_offset, phys % machine.pages.pageSizeBytes, true);
  }

  /** The request at an address in C, with the payload that the driver has given it. */
  requestAt(at: number): BlockRequest {
    const { request } = this.#slotAt(at);
    const { memory } = this.kernel;
    const flags = memory.view.getUint32(at + REQUEST.rq_flags, true);
    const isSpecial = (flags & RQF_SPECIAL_PAYLOAD) !== 0;
    request!.specialPayload = isSpecial ? this.#vecAt(at + REQUEST.special_vec) : null;
    return request!;
  }

  #slotAt(at: number): Slot {
    const slot = this.#slots.get(at);
    if (slot?.request != null) return slot;
    throw this.kernel.crash(
      slot === undefined
        ? `${hex(at)} is no request`
        : `The request of tag ${slot.tag} has ended: its tag is free`,
    );
  }

  #vecAt(at: number): BioVec {
    const { memory } = this.kernel;
    const page = this.kernel.pagePhys(memory.wordAt(at + BIO_VEC.bv_page));
    const offset = memory.view.getUint32(at + BIO_VEC.bv_offset, true);
    return {
      phys: page + offset as PhysAddr,
      sizeBytes: memory.view.getUint32(at + BIO_VEC.bv_len, true),
    };
  }

  /** Ends a request: its tag becomes free, and its memory belongs to the submitter again. */
  end(at: number, status: number): void {
    const kernel = this.kernel;
    const request = this.requestAt(at);
    const slot = this.#slotAt(at);
    const known = Object.values(BLK_STS).find((each) => each === status);
    if (known === undefined) throw kernel.crash(`${status} is no block status`);
    this.#checkUnmapped(request);
    slot.request = null;
    kernel.memory.close(at, REQUEST_BYTES, MARK.FREED);
    kernel.memory.close(at + PDU.at, PDU.bytes, MARK.FREED);
    request.end(known as BlkStatus);
  }

  /** Ends a request's mappings that need no unmap. The driver has finished with these mappings. */
  takeBack(request: BlockRequest, device: DmaDevice): void {
    const { lent, machine } = this.kernel;
    if (machine.dma.dmaNeedUnmap(device)) return;
    const dir = opDirection(request.op);
    for (const { phys, sizeBytes } of request.segments()) {
      lent.endMemory(device, phys, sizeBytes);
      machine.checker?.mappings.through(device, directAddress(device, phys), sizeBytes, dir);
    }
  }

  /** Fails if a device still owns a request's memory. */
  #checkUnmapped(request: BlockRequest): void {
    const kernel = this.kernel;
    const device = kernel.context.lab.devices.get(request.device)!.dma;
    this.takeBack(request, device);
    for (const { phys, sizeBytes } of request.segments()) {
      const lent = kernel.lent.mappingOf(phys, sizeBytes);
      if (lent === null || this.#isOthers(request, phys, sizeBytes)) continue;
      const { text } = kernel.place;
      kernel.machine.checker?.cpu.freed(lent, phys, sizeBytes, text);
      return;
    }
  }

  /**
   * Whether another live request uses the same memory. If so, a mapping of the memory may belong to
   * that other request.
   */
  #isOthers(request: BlockRequest, phys: number, sizeBytes: number): boolean {
    for (const { request: other } of this.#slots.values()) {
      if (other === null || other === request) continue;
      const shares = other.segments().some((segment) =>
        phys < segment.phys + segment.sizeBytes && segment.phys < phys + sizeBytes
      );
      if (shares) return true;
    }
    return false;
  }

  /**
   * Why C may not access an address in a `struct request` or in the driver's area after it; null
   * for any other address.
   */
  endedText(at: number): string | null {
    for (const { at: start, tag } of this.#slots.values()) {
      if (at < start || at >= start + PDU.at + PDU.bytes) continue;
      const offset = at - start;
      if (offset < REQUEST_BYTES) return `after the end of the request of tag ${tag}`;
      return offset < PDU.at
        ? `${offset - REQUEST_BYTES} bytes past the request of tag ${tag}`
        : `of the driver's area after the end of the request of tag ${tag}`;
    }
    return null;
  }
}

/** The vectors of a request's memory, in the order of its bios. */
function vecsOf(request: BlockRequest): readonly BioVec[] {
  return request.bios.flatMap((bio) => bio.parts());
}

/** Splits vectors at page boundaries, and groups them by page. */
function byPage(vecs: readonly BioVec[], pageSizeBytes: number): Map<number, BioVec[]> {
  const pages = new Map<number, BioVec[]>();
  for (const { phys, sizeBytes } of vecs) {
    const end = phys + sizeBytes;
    for (let at: number = phys; at < end;) {
      const page = at - at % pageSizeBytes;
      const next = Math.min(end, page + pageSizeBytes);
      const piece = { phys: at as PhysAddr, sizeBytes: next - at };
      pages.getOrInsertComputed(page, () => []).push(piece);
      at = next;
    }
  }
  return pages;
}

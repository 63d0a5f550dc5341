/**
 * The kernel's allocators for drivers in C. They allocate whole pages, and blocks that share pages;
 * the size of a block is a power of two.
 *
 * After every block there is a block that is never allocated, and freed memory is not reused at
 * once. Therefore accesses past the end of a block and accesses after the free are detected.
 */
import {
  eventId,
  INJECTION,
  type Machine,
  MAX_BLOCK_PAGES,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "@dmalab/runtime";
import { WINDOW_BYTES } from "./c_addresses.ts";
import { UNWRITTEN } from "./c_fresh.ts";
import { type CMemory, MARK } from "./c_memory.ts";

const ALLOC = eventId("driver.alloc");
const FREE = eventId("driver.free");

const SMALLEST_BLOCK_BYTES = 32;
/** The value of a freed byte. */
const FREED_BYTE = 0x6b;
/** Number of freed blocks that are kept from being reused. */
const RESTING_BLOCKS = 64;
/** The largest contiguous allocation. @see rules/c-api.md 13 */
export const KMALLOC_BYTES = MAX_BLOCK_PAGES * PAGE_SIZE_BYTES;

/**
 * Properties that an allocator gives to an allocation of pages. They differ between the allocators.
 */
type Particular = Pick<HeapBlock, "compoundOrder" | "isVmalloc" | "freedBy">;
const PLAIN: Particular = { compoundOrder: 0, isVmalloc: false, freedBy: "kfree" };

/** Functions that free memory of the kernel's allocators. */
export type FreeCall = "kfree" | "vfree" | "kvfree";

/** An allocated block. */
export interface HeapBlock {
  readonly at: number;
  readonly phys: PhysAddr;
  /** The size that was asked for. */
  readonly sizeBytes: number;
  /** Bytes that the block occupies. */
  readonly roomBytes: number;
  readonly isPages: boolean;
  /** Order of a compound page, in which each page refers to the first page; 0 for all other blocks. */
  readonly compoundOrder: number;
  /**
   * Whether the block is contiguous only in the CPU's virtual addresses, as drivers must assume for
   * vmalloc memory.
   */
  readonly isVmalloc: boolean;
  /** The function that must free the block. */
  readonly freedBy: FreeCall;
  /** Whether a part of the kernel allocated it when it started: nobody has to free it. */
  readonly isOfKernel: boolean;
  /**
   * Site number of the statement that allocated the block. `freedAt`: that of the statement that
   * freed it; null while the block is allocated.
   */
  readonly site: number | null;
  freedAt: number | null;
}

export class CHeap {
  /** Whether blocks are allocated by a part of the kernel that starts. */
  isOfKernel = false;
  /** Whether what a statement allocates belongs to the kernel. */
  isKernelsAt: (site: number | null) => boolean = () => false;
  readonly #live = new Map<number, HeapBlock>();
  /** Free blocks by size. */
  readonly #free = new Map<number, number[]>();
  readonly #resting: HeapBlock[] = [];

  constructor(private readonly machine: Machine, private readonly memory: CMemory) {}

  /** Allocates a block of at least this many bytes; null without memory. */
  take(sizeBytes: number, zeroed: boolean, freedBy: FreeCall = "kfree"): HeapBlock | null {
    if (!(sizeBytes > 0 && sizeBytes <= KMALLOC_BYTES) || this.#refuses()) return null;
    const roomBytes = Math.max(SMALLEST_BLOCK_BYTES, 2 ** Math.ceil(Math.log2(sizeBytes)));
    if (roomBytes > PAGE_SIZE_BYTES / 2) {
      return this.#takePages(sizeBytes, 0, zeroed, { ...PLAIN, freedBy });
    }
    const free = this.#freeBlocks(roomBytes);
    const at = free.shift();
    return at === undefined ? null : this.#give(
      at,
      sizeBytes,
      roomBytes,
      zeroed,
      { ...PLAIN, freedBy, isPages: false },
    );
  }

  /**
   * Allocates contiguous pages, aligned to their number; null without enough free pages.
   *
   * @param isCompound Whether each page refers to the first page.
   */
  takePages(order: number, zeroed: boolean, isCompound = false): HeapBlock | null {
    // The order is an unsigned int in C: a negative one becomes huge.
    const sizeBytes = 2 ** (order >>> 0) * this.machine.pages.pageSizeBytes;
    if (!(sizeBytes <= KMALLOC_BYTES) || this.#refuses()) return null;
    const particular = isCompound ? { ...PLAIN, compoundOrder: order } : PLAIN;
    return this.#takePages(sizeBytes, order, zeroed, particular);
  }

  /** Allocates pages that drivers must not map as one buffer; null without enough free pages. */
  takeVmalloc(sizeBytes: number, zeroed: boolean, freedBy: FreeCall): HeapBlock | null {
    const isTooMuch = !(sizeBytes > 0 && sizeBytes <= WINDOW_BYTES);
    if (isTooMuch || this.#refuses(INJECTION.kvmalloc)) return null;
    const particular: Particular = { compoundOrder: 0, isVmalloc: true, freedBy };
    const block = this.#takePages(sizeBytes, 0, zeroed, particular);
    if (block !== null) this.machine.areas.addVmalloc(framesOf(block));
    return block;
  }

  #refuses(
    point: typeof INJECTION.alloc_pages | typeof INJECTION.kvmalloc = INJECTION.alloc_pages,
  ): boolean {
    const { faults } = this.machine;
    return faults !== null && !this.isOfKernel && faults.errnoAt(point) !== 0;
  }

  #takePages(
    sizeBytes: number,
    order: number,
    zeroed: boolean,
    particular: Particular = PLAIN,
  ): HeapBlock | null {
    const { pages } = this.machine;
    const count = Math.ceil(sizeBytes / pages.pageSizeBytes);
    const first = this.#findPages(count + 1, order);
    if (first === null) return null;
    const roomBytes = (count + 1) * pages.pageSizeBytes;
    const at = this.memory.share(first, roomBytes);
    return this.#give(at, sizeBytes, roomBytes, zeroed, { ...particular, isPages: true });
  }

  /** Finds free pages in the window. The last of them remains inaccessible. */
  #findPages(count: number, order: number): PhysAddr | null {
    const { windowPhys: firstPhys } = this.memory;
    const taken = this.machine.pages.alloc(count, {
      contiguous: true,
      orderAligned: order,
      firstPhys,
      lastPhys: firstPhys + WINDOW_BYTES - 1,
    });
    return taken?.[0] ?? null;
  }

  #freeBlocks(roomBytes: number): number[] {
    const known = this.#free.get(roomBytes);
    if (known !== undefined && known.length > 0) return known;
    const { pageSizeBytes } = this.machine.pages;
    const page = this.#findPages(1, 0);
    if (page === null) return [];
    const start = this.memory.share(page, pageSizeBytes);
    const blocks: number[] = [];
    // Every second block remains inaccessible.
    for (let at = start; at < start + pageSizeBytes; at += 2 * roomBytes) blocks.push(at);
    this.#free.set(roomBytes, blocks);
    return blocks;
  }

  #give(
    at: number,
    sizeBytes: number,
    roomBytes: number,
    zeroed: boolean,
    kind: Particular & Pick<HeapBlock, "isPages">,
  ): HeapBlock {
    const { events } = this.machine;
    const { memory } = this;
    const phys = memory.physOf(at) as PhysAddr;
    const block = {
      at,
      phys,
      sizeBytes,
      roomBytes,
      ...kind,
      isOfKernel: this.isOfKernel || this.isKernelsAt(events.context.site),
      site: events.context.site,
      freedAt: null,
    };
    memory.guard(at, kind.isPages ? roomBytes : 2 * roomBytes);
    memory.open(at, sizeBytes);
    memory.bytes.fill(zeroed ? 0 : UNWRITTEN, at, at + sizeBytes);
    memory.fresh.take(at, sizeBytes, zeroed, block.site);
    this.#live.set(at, block);
    if (!block.isOfKernel && events.tick(ALLOC)) {
      events.emit(ALLOC, { phys, size_bytes: sizeBytes });
    }
    return block;
  }

  /** Frees a block. @returns The error in the address as a sentence fragment, or null. */
  free(at: number): string | null {
    const block = this.#live.get(at);
    if (block === undefined) {
      const known = this.find(at);
      if (known === null) return "not an allocated block";
      return known.freedAt === null ? "not the start of the block" : "double free";
    }
    const { events } = this.machine;
    const memory = this.memory;
    this.#live.delete(at);
    if (block.isVmalloc) this.machine.areas.removeVmalloc(framesOf(block));
    block.freedAt = events.context.site ?? 0;
    memory.bytes.fill(FREED_BYTE, at, at + block.sizeBytes);
    memory.fresh.give(at);
    memory.close(at, block.sizeBytes, MARK.FREED);
    if (!block.isOfKernel && events.tick(FREE)) {
      events.emit(FREE, { phys: block.phys, size_bytes: block.sizeBytes });
    }
    this.#resting.push(block);
    if (this.#resting.length > RESTING_BLOCKS) this.#reuse(this.#resting.shift()!);
    return null;
  }

  #reuse({ at, isPages, phys, roomBytes }: HeapBlock): void {
    if (!isPages) {
      this.#free.get(roomBytes)?.push(at);
      return;
    }
    const { pages } = this.machine;
    const count = roomBytes / pages.pageSizeBytes;
    pages.free(
      Array.from({ length: count }, (_, page) => phys + page * pages.pageSizeBytes) as PhysAddr[],
    );
  }

  /** The block that begins at an address, or null. */
  blockAt(at: number): HeapBlock | null {
    return this.#live.get(at) ?? null;
  }

  /** The block that contains an address or ends directly before it, freed or not; or null. */
  find(at: number): HeapBlock | null {
    let best: HeapBlock | null = null;
    const look = (block: HeapBlock) => {
      const endAt = block.at + (block.isPages ? 1 : 2) * block.roomBytes;
      if (at >= block.at && at < endAt && (best?.at ?? -1) < block.at) best = block;
    };
    for (const block of this.#resting) look(block);
    for (const block of this.#live.values()) look(block);
    return best;
  }
}

function framesOf({ phys, sizeBytes }: HeapBlock): readonly PhysAddr[] {
  return Array.from(
    { length: Math.ceil(sizeBytes / PAGE_SIZE_BYTES) },
    (_, frame) => phys + frame * PAGE_SIZE_BYTES as PhysAddr,
  );
}

/**
 * The memory that a provider offers to its peers, allocated in pages.
 *
 * @see rules/p2p.md 9.7
 */
import {
  alignUp,
  type Bytes,
  IntervalSet,
  invariant,
  InvariantError,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "@dmalab/runtime";

/** A pool of one or several ranges. An allocation is contiguous within one of these. */
export class PeerMemory {
  readonly #free = new IntervalSet();
  /**
   * The size in bytes of each allocation, by the allocation's address. Sizes are multiples of the
   * page size.
   */
  readonly #taken = new Map<PhysAddr, Bytes>();
  #sizeBytes = 0;

  /** Total size of all ranges. */
  get sizeBytes(): Bytes {
    return this.#sizeBytes;
  }

  /** Free bytes, which may not be contiguous. */
  get availableBytes(): Bytes {
    return this.#free.intervals().reduce((sum, [start, end]) => sum + (end - start), 0);
  }

  /** Adds a range of whole pages that is not in the pool yet. */
  add(basePhys: PhysAddr, sizeBytes: Bytes): void {
    invariant(sizeBytes > 0, "No peer memory is added");
    this.#sizeBytes += sizeBytes;
    this.#insertFree(basePhys, sizeBytes);
  }

  /**
   * Allocates from the first span that is large enough.
   * @param sizeBytes Rounded up to whole pages.
   * @returns The address of the allocation, or null for 0 bytes or if no span is large enough.
   */
  alloc(sizeBytes: Bytes): PhysAddr | null {
    const wanted = alignUp(sizeBytes, PAGE_SIZE_BYTES);
    if (wanted === 0) return null;
    const span = this.#free.intervals().find(([start, end]) => end - start >= wanted);
    if (span === undefined) return null;
    const phys = span[0] as PhysAddr;
    this.#free.delete(phys, phys + wanted);
    invariant(!this.#taken.has(phys), "Peer memory is allocated twice");
    this.#taken.set(phys, wanted);
    return phys;
  }

  /** Splits an allocation into its pages, which are then freed separately. */
  split(phys: PhysAddr): readonly PhysAddr[] {
    const pages = this.pagesAt(phys);
    for (const page of pages) this.#taken.set(page, PAGE_SIZE_BYTES);
    return pages;
  }

  /** The pages of the allocation that begins at an address; empty if none begins there. */
  pagesAt(phys: PhysAddr): readonly PhysAddr[] {
    const length = this.takenAt(phys) / PAGE_SIZE_BYTES;
    invariant(Number.isInteger(length), "An allocation of peer memory ends inside a page");
    return Array.from({ length }, (_, page) => phys + page * PAGE_SIZE_BYTES as PhysAddr);
  }

  /**
   * The size of the allocation that begins at an address, in whole pages; 0 if no allocation begins
   * there.
   */
  takenAt(phys: PhysAddr): Bytes {
    return this.#taken.get(phys) ?? 0;
  }

  /** The end, exclusive, of the allocation that contains an address; -1 without one. */
  takenEnd(phys: number): number {
    for (const [start, sizeBytes] of this.#taken) {
      if (start <= phys && phys < start + sizeBytes) return start + sizeBytes;
    }
    return -1;
  }

  /** Frees an allocation of `alloc`. */
  free(phys: PhysAddr): void {
    const sizeBytes = this.#taken.get(phys);
    if (sizeBytes === undefined) {
      throw new InvariantError(`Peer memory at 0x${phys.toString(16)} is not allocated`);
    }
    invariant(phys % PAGE_SIZE_BYTES === 0, "Peer memory is freed inside a page");
    this.#taken.delete(phys);
    this.#insertFree(phys, sizeBytes);
  }

  #insertFree(phys: PhysAddr, sizeBytes: Bytes): void {
    const end = phys + sizeBytes;
    invariant(this.#free.firstIn(phys, end) < 0, "Free peer memory overlaps");
    this.#free.add(phys, end);
  }
}

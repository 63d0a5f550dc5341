/**
 * The memory of processes' pages, and its allocator.
 *
 * @see rules/hmm-rdma-vfio.md 5.4, 5.5
 */
import { PAGE_SIZE_BYTES, type PhysAddr } from "../address.ts";
import { INJECTION } from "../injection.ts";
import type { Machine } from "../machine.ts";

export type FrameOwner =
  /** Owned by the process: written in place while it is exclusive. */
  | "process"
  /** All zero and shared: a process that writes it gets a separate frame. */
  | "zero"
  /** A page of a file, or of memory that processes share. */
  | "file"
  /** Borrowed from another owner. */
  | "lent";

/** One page of 2^order × 4 KiB. */
export class PageFrame {
  /** A device has written the page, or may have. */
  dirty = false;
  /** The memory is broken: a process that accesses it is killed. */
  broken = false;
  /**
   * The page's contents are no longer needed: the page is dropped, not written out, when memory is
   * short.
   */
  lazyFree = false;
  /** How often address spaces map this page, counted in pages of 4 KiB. */
  mapped = 0;
  /** A file still contains the page. */
  cached = false;

  constructor(readonly phys: PhysAddr, readonly order: number, readonly owner: FrameOwner) {}
}

/** Allocates and frees pages of 2^order × 4 KiB. */
export interface FrameSource {
  /** A free page, zeroed; null without one. */
  take(order: number): PhysAddr | null;
  /**
   * The zero page. It is never written, and every call returns the same page. Null if there is no
   * zero page.
   */
  zero(order: number): PhysAddr | null;
  give(phys: PhysAddr, order: number): void;
  /** Copies 4 KiB. */
  copy(from: PhysAddr, to: PhysAddr): void;
  /** The contents of 4 KiB, to be restored later; null where the contents do not matter. */
  save(phys: PhysAddr): Uint8Array | null;
  /** Restores contents that `save` returned. */
  restore(phys: PhysAddr, saved: Uint8Array): void;
}

/** Allocates from the machine's own memory. */
export class MachineFrames implements FrameSource {
  constructor(private readonly machine: Machine) {}

  take(order: number): PhysAddr | null {
    const { faults, pages } = this.machine;
    if (faults !== null && faults.errnoAt(INJECTION.alloc_pages) !== 0) return null;
    const taken = pages.alloc(2 ** order, { contiguous: true, orderAligned: order });
    if (taken === null) return null;
    for (const phys of taken) this.machine.hostMemory.fill(phys, PAGE_SIZE_BYTES, 0);
    return taken[0]!;
  }

  zero(order: number): PhysAddr | null {
    return this.machine.pages.zeroPage(order);
  }

  give(phys: PhysAddr, order: number): void {
    const pages = Array.from(
      { length: 2 ** order },
      (_, index) => phys + index * PAGE_SIZE_BYTES as PhysAddr,
    );
    this.machine.checker?.memory.freed(pages, PAGE_SIZE_BYTES);
    this.machine.pages.free(pages);
  }

  copy(from: PhysAddr, to: PhysAddr): void {
    this.machine.hostMemory.copy(from, to, PAGE_SIZE_BYTES);
  }

  save(phys: PhysAddr): Uint8Array {
    const bytes = new Uint8Array(PAGE_SIZE_BYTES);
    this.machine.hostMemory.read(phys, bytes, 0, PAGE_SIZE_BYTES);
    return bytes;
  }

  restore(phys: PhysAddr, saved: Uint8Array): void {
    this.machine.hostMemory.write(phys, saved, 0, PAGE_SIZE_BYTES);
  }
}

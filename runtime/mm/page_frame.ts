/**
 * Memory behind the addresses of processes, and where it comes from.
 *
 * @see rules/hmm-rdma-vfio.md 5.4, 5.5
 */
import { PAGE_SIZE_BYTES, type PhysAddr } from "../address.ts";
import { INJECTION } from "../injection.ts";
import type { Machine } from "../machine.ts";

export type FrameOwner =
  /** The process's own: written in place while it is exclusive. */
  | "process"
  /** All zero and shared: a process that writes it gets a separate frame. */
  | "zero"
  /** A page of a file, or of memory that processes share. */
  | "file"
  /** Lent by another owner. */
  | "lent";

/** One page of 2^order × 4 KiB. */
export class PageFrame {
  /** A device has written it, or may have. */
  dirty = false;
  /** The memory is broken: a process that accesses it is killed. */
  broken = false;
  /** Its contents are wanted no longer: it goes instead of being kept when memory is short. */
  lazyFree = false;
  /** How many pages of 4 KiB of address spaces it is behind. */
  mapped = 0;
  /** A file still has it. */
  cached = false;

  constructor(readonly phys: PhysAddr, readonly order: number, readonly owner: FrameOwner) {}
}

/** Gives pages of 2^order × 4 KiB, and takes them back. */
export interface FrameSource {
  /** A free page, all zero; null without one. */
  take(order: number): PhysAddr | null;
  /** The page that is all zero and stays so, the same one each time; null without one. */
  zero(order: number): PhysAddr | null;
  give(phys: PhysAddr, order: number): void;
  /** Copies 4 KiB. */
  copy(from: PhysAddr, to: PhysAddr): void;
  /** What 4 KiB hold, to be put back later; null where it makes no difference. */
  save(phys: PhysAddr): Uint8Array | null;
  /** Puts back what `save` gave. */
  restore(phys: PhysAddr, saved: Uint8Array): void;
}

/** The machine's own memory. */
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

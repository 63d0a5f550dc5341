/** An access of a device to a memory region: what a peer or a program asks of it. */
import type { Bytes, ErrnoName, VirtAddr } from "@dmalab/runtime";
import type { ImplicitRegion } from "./implicit_region.ts";
import type { MemoryRegion } from "./memory_region.ts";
import type { PageFault } from "./page_fault.ts";

export class RdmaAccess {
  done = false;
  /** Why it ended early; null while all is well. */
  error: ErrnoName | null = null;
  doneBytes: Bytes = 0;
  /** Page faults of the device. */
  faults = 0;
  /** Page faults at a byte whose page fault had just been handled. */
  refaults = 0;
  /** The page fault that is being handled; null while there is none. */
  fault: PageFault | null = null;
  /** Where the last page fault was; null before the first. */
  faultedAt: VirtAddr | null = null;

  constructor(
    readonly region: MemoryRegion | ImplicitRegion,
    readonly write: boolean,
    readonly virt: VirtAddr,
    /** What is read goes here, and what is written comes from here. */
    readonly bytes: Uint8Array,
  ) {}

  get sizeBytes(): Bytes {
    return this.bytes.length;
  }

  /** The address that is next. */
  get at(): VirtAddr {
    return this.virt + this.doneBytes as VirtAddr;
  }

  end(error: ErrnoName | null): void {
    this.error = error;
    this.done = true;
    this.fault = null;
  }
}

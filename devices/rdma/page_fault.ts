/**
 * The handling of a device's page fault, step by step. The notifier's sequence number is read, then
 * the process's page table. Under the region's lock, the sequence number is compared before a page
 * is mapped.
 *
 * @see rules/hmm-rdma-vfio.md 2.2
 */
import {
  alignDown,
  alignUp,
  type Bytes,
  ERRNO,
  type ErrnoName,
  type EventFields,
  eventId,
  HMM_PFN,
  hmmRangeFault,
  type Machine,
  type Nanoseconds,
  PAGE_SIZE_BYTES,
  TICK_NS,
  type VirtAddr,
} from "@dmalab/runtime";
import { TABLE_READ, TABLE_WRITE } from "./device_table.ts";
import type { MemoryRegion } from "./memory_region.ts";
import type { ImplicitRegion } from "./implicit_region.ts";

const RETRY = eventId("odp.retry");

/** How long the host retries to read a page table that keeps changing. @see rules/hmm-rdma-vfio.md 2.2 (3) */
const PATIENCE_NS = 1000 * TICK_NS;

interface PageFaultRequest {
  readonly virt: VirtAddr;
  readonly sizeBytes: Bytes;
  /** Whether to fault pages in; otherwise only present pages are written into the device's table. */
  readonly fault: boolean;
  /** Whether the device must not write. */
  readonly downgrade: boolean;
}

/** The result of a step: 0 or a count, a negative errno, or "again" to begin anew. */
export type StepResult = number | "again";

export class PageFault {
  /** The sequence number at the beginning of the handling; null before. */
  sequence: number | null = null;
  /** Number of entries that this fault has mapped; 0 before. */
  mappedEntries = 0;
  /** The time at which the host gives up. */
  #deadlineNs: Nanoseconds;
  readonly #machine: Machine;

  constructor(
    machine: Machine,
    readonly region: MemoryRegion,
    readonly request: PageFaultRequest,
  ) {
    this.#machine = machine;
    this.#deadlineNs = machine.clock.nowNs + PATIENCE_NS;
  }

  /**
   * Reads the sequence number.
   * @returns 0, -EFAULT for addresses outside of the region, -EINVAL after the process ended.
   */
  begin(): number {
    const { region, request: { sizeBytes, virt } } = this;
    const { umem } = region;
    if (region.released || !umem.covers(virt, virt + sizeBytes)) return -ERRNO.EFAULT;
    if (!umem.mm.alive) return -ERRNO.EINVAL;
    this.sequence = umem.notifier!.readBegin();
    return 0;
  }

  /**
   * Reads the process's page table; `again` while it is being changed, -EFAULT if the region was
   * removed.
   */
  readPages(): StepResult {
    const { region, request: { downgrade, fault } } = this;
    if (region.released) return -ERRNO.EFAULT;
    const { umem } = region;
    const { end, start } = this.#range();
    const write = umem.writable && !downgrade ? HMM_PFN.WRITE : 0;
    const error = hmmRangeFault(this.#machine, {
      mm: umem.mm,
      notifier: umem.notifier,
      sequence: this.sequence!,
      list: umem.pages.pfns,
      firstIndex: (start - umem.start) / PAGE_SIZE_BYTES,
      start,
      pages: (end - start) / PAGE_SIZE_BYTES,
      wanted: fault ? HMM_PFN.VALID + write : 0,
    });
    if (error !== -ERRNO.EBUSY) return error;
    this.#emitRetry("busy");
    return "again";
  }

  /**
   * Takes the lock, compares the sequence number, and writes the pages into the device's table.
   *
   * @param compare False to simulate a driver that forgets the comparison.
   * @returns 0; `again` if the page table has changed since it was read; -EINVAL for a page that is
   *   too small; -EFAULT for a page that cannot be mapped.
   */
  map(compare = true): StepResult {
    const { region, request: { downgrade, fault } } = this;
    if (region.released) return -ERRNO.EFAULT;
    const { umem } = region;
    umem.lock("ib_umem_odp_map_dma_and_lock");
    if (compare && umem.notifier!.readRetry(this.sequence!)) {
      umem.unlock();
      this.#emitRetry("sequence");
      const { clock, kernel } = this.#machine;
      if (!kernel.fault_retries_share_timeout) this.#deadlineNs = clock.nowNs + PATIENCE_NS;
      return "again";
    }
    const { end, start } = this.#range();
    const first = umem.indexOf(start);
    const entries = (end - start) / umem.pageBytes;
    const writes = umem.writable && !downgrade;
    const access = writes ? TABLE_READ | TABLE_WRITE : TABLE_READ;
    const refused = umem.pages.mapRange(first, entries, { fault, access });
    if (refused !== 0) {
      umem.unlock();
      return refused;
    }
    const error = region.populate(first, entries, downgrade);
    if (error === 0) this.mappedEntries = entries;
    return error;
  }

  /**
   * Begins the handling and reads the page table; the caller repeats this for up to a second. While
   * an invalidation of these pages is in progress, the page table is read again a tick later. If
   * the page table has changed since the beginning, for example by the fault's own first write to a
   * page, it is read again at once.
   *
   * @returns 0; `again` if the caller must repeat the call; -EBUSY after a second.
   */
  read(): StepResult {
    const begun = this.begin();
    const read = begun === 0 ? this.readPages() : begun;
    if (read !== "again") return read;
    const { clock } = this.#machine;
    if (clock.nowNs >= this.#deadlineNs) return -ERRNO.EBUSY;
    const { end, start } = this.#range();
    if (this.region.umem.mm.notifiers.isChanging(start, end)) clock.advance(TICK_NS);
    return "again";
  }

  /** Runs all steps in a row. @returns The number of mapped entries, or a negative errno. */
  run(): number {
    for (;;) {
      const read = this.read();
      const step = read === 0 ? this.map() : read;
      if (step !== "again") return step === 0 ? this.mappedEntries : step;
    }
  }

  /** The faulting range, extended to whole pages of the region. */
  #range(): { readonly start: VirtAddr; readonly end: VirtAddr } {
    const { region: { umem }, request: { sizeBytes, virt } } = this;
    return {
      start: alignDown(virt, umem.pageBytes) as VirtAddr,
      end: alignUp(virt + sizeBytes, umem.pageBytes) as VirtAddr,
    };
  }

  #emitRetry(cause: EventFields<"odp.retry">["cause"]): void {
    const { events } = this.#machine;
    if (!events.tick(RETRY)) return;
    const { notifier } = this.region.umem;
    events.emit(RETRY, { region: this.region.name, cause }, {
      rule: "hmm-rdma-vfio.2.2",
      inputs: { sequence: this.sequence, sequence_now: notifier?.sequence ?? null },
    });
  }
}

/** An access of a device to a memory region, on behalf of a peer or a program. */
export class RdmaAccess {
  done = false;
  /** The error that ended the access early; null without an error. */
  error: ErrnoName | null = null;
  doneBytes: Bytes = 0;
  /** Number of page faults in this access. */
  faults = 0;
  /** Number of page faults at an address for which a fault had just been handled. */
  refaults = 0;
  /** The page fault that is being handled, or null. */
  fault: PageFault | null = null;
  /** Address of the last page fault; null before the first. */
  faultedAt: VirtAddr | null = null;

  constructor(
    readonly region: MemoryRegion | ImplicitRegion,
    readonly write: boolean,
    readonly virt: VirtAddr,
    /** Bytes of the access: a read fills them, a write takes them. */
    readonly bytes: Uint8Array,
  ) {}

  get sizeBytes(): Bytes {
    return this.bytes.length;
  }

  /** The next address. */
  get at(): VirtAddr {
    return this.virt + this.doneBytes as VirtAddr;
  }

  end(error: ErrnoName | null): void {
    this.error = error;
    this.done = true;
    this.fault = null;
  }
}

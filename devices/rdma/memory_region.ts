/**
 * A memory region that is paged on demand: memory of a process, and the device's table of this
 * memory. The region handles accesses to entries that are not present, and invalidations by the
 * process.
 *
 * @see rules/hmm-rdma-vfio.md 2.2 (7, 8), 2.3, 2.4, 2.5
 */
import {
  alignDown,
  alignUp,
  type Bytes,
  type ChangedRange,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  ERRNO,
  type EventFields,
  eventId,
  type IntervalClient,
  type IntervalNotifier,
  invariant,
  type Machine,
  type VirtAddr,
} from "@dmalab/runtime";
import { peerMemo } from "@dmalab/runtime/dma";
import {
  DeviceTable,
  ENTRIES_OF_BLOCK,
  TABLE_ENTRY_BYTES,
  TABLE_READ,
  TABLE_WRITE,
} from "./device_table.ts";
import type { UmemOdp } from "./umem_odp.ts";

const TABLE = eventId("odp.table");
const INVALIDATE = eventId("odp.invalidate");
const REGION = eventId("odp.region");

/** The counters of a region. @see rules/hmm-rdma-vfio.md 2.4 */
export interface RegionStatistics {
  /**
   * `faults` counts the pages that page faults mapped, `faultsHandled` the faults handled without
   * error.
   */
  faults: number;
  faultsHandled: number;
  /**
   * `invalidations` counts the entries removed from the device's table, like the kernel does;
   * `invalidationsHandled` counts the handled invalidations.
   */
  invalidations: number;
  invalidationsHandled: number;
  prefetch: number;
}

export function newStatistics(): RegionStatistics {
  return { faults: 0, faultsHandled: 0, invalidations: 0, invalidationsHandled: 0, prefetch: 0 };
}

/** The translation of an address. */
export interface Reached {
  /** DMA address, or physical address for a software device. */
  readonly address: number;
  /** Bytes from the address to the end of the entry that contains the address. */
  readonly leftBytes: Bytes;
}

interface RegionInit {
  readonly name: string;
  /** The name, in events, of the device with which the region was registered. */
  readonly device: string;
  /** The first virtual address that the device may use. */
  readonly virt: VirtAddr;
  readonly sizeBytes: Bytes;
  /** Size of one update of the device's table. */
  readonly updateBytes: Bytes;
  /** Called when a child of an implicit region has no pages any more and is to be destroyed. */
  readonly onEmpty: ((region: MemoryRegion) => void) | null;
}

export class MemoryRegion implements IntervalClient {
  readonly name: string;
  readonly virt: VirtAddr;
  readonly sizeBytes: Bytes;
  readonly statistics = newStatistics();
  /** The device's table; null for a software device, which uses the list of page frames itself. */
  table: DeviceTable | null = null;
  /** Whether the region was deregistered, or destroyed because it was empty. */
  released = false;
  /**
   * Simulates a defect: for a software device, read-only pages have permission 0. Therefore the
   * device takes them for absent.
   */
  readonly #readOnlyLooksAbsent: boolean;
  readonly #machine: Machine;
  readonly #init: RegionInit;
  #umem: UmemOdp | null = null;

  constructor(machine: Machine, init: RegionInit) {
    this.#readOnlyLooksAbsent = machine.kernel.odp_read_only_refault;
    this.#machine = machine;
    this.#init = init;
    this.name = init.name;
    this.virt = init.virt;
    this.sizeBytes = init.sizeBytes;
  }

  get umem(): UmemOdp {
    return this.#umem!;
  }

  /** Gives the device an empty table; from now on it may use the region. */
  attach(umem: UmemOdp): void {
    invariant(this.#umem === null, "A region is attached twice");
    this.#umem = umem;
    this.table = umem.dev === null ? null : new DeviceTable(umem.entries);
    this.#emitRegion("registered");
  }

  #emitRegion(state: EventFields<"odp.region">["state"]): void {
    const { events } = this.#machine;
    if (!events.tick(REGION)) return;
    const { end, start } = this.umem;
    const outer = events.context.enterDevice(this.#init.device);
    events.emit(REGION, { region: this.name, state, virt: start, size_bytes: end - start });
    events.context.leaveDevice(outer);
  }

  /** Whether the region contains these addresses. */
  covers(virt: number, sizeBytes: Bytes): boolean {
    return virt >= this.virt && virt + sizeBytes <= this.virt + this.sizeBytes;
  }

  /**
   * Translates an address of the region for the device, or returns null if the device must report a
   * page fault.
   */
  reach(virt: number, write: boolean): Reached | null {
    const { umem } = this;
    const index = umem.indexOf(virt);
    const inPage = (virt - umem.start) % umem.pageBytes;
    const leftBytes = umem.pageBytes - inPage;
    invariant(leftBytes > 0, "An access begins behind its page");
    const wanted = write ? TABLE_WRITE : TABLE_READ;
    if (this.table === null) {
      const asked = this.#readOnlyLooksAbsent ? TABLE_WRITE : wanted;
      if ((umem.pages.access(index) & asked) === 0) return null;
      return { address: umem.pages.cpuAddress(index) + inPage, leftBytes };
    }
    if ((this.table.access(index) & wanted) === 0) return null;
    return { address: this.table.address(index) + inPage, leftBytes };
  }

  /**
   * Writes pages into the device's table: the requested pages, and other pages in the same blocks
   * of the table. The caller holds the lock; this call releases it.
   *
   * @param downgrade True if the device gets only read access, even where the process may write.
   * @returns 0, or -EFAULT if a page cannot be mapped. Pages before it stay mapped.
   * @see rules/hmm-rdma-vfio.md 2.2 (7, 8)
   */
  populate(first: number, entries: number, downgrade: boolean): number {
    const { umem } = this;
    if (this.table === null) {
      umem.unlock();
      return 0;
    }
    const from = alignDown(first, ENTRIES_OF_BLOCK);
    const end = alignUp(first + entries, ENTRIES_OF_BLOCK);
    const chunk = Math.max(ENTRIES_OF_BLOCK, this.#init.updateBytes / TABLE_ENTRY_BYTES);
    const memo = peerMemo(this.#machine);
    let error = 0;
    for (let at = from; at < end && error === 0; at += chunk) {
      error = this.#update(at, Math.min(chunk, end - at), downgrade, memo);
    }
    const keepsLock = error !== 0 && this.#machine.kernel.odp_populate_error_exit;
    if (!keepsLock) umem.unlock();
    return error;
  }

  /** Writes one update, which reaches the device completely or not at all. */
  #update(
    first: number,
    count: number,
    downgrade: boolean,
    memo: ReturnType<typeof peerMemo>,
  ): number {
    const { table, umem } = this;
    const { pages } = umem;
    const last = Math.min(first + count, umem.entries);
    invariant(first % ENTRIES_OF_BLOCK === 0, "An update begins inside a block of the table");
    const addresses: DmaAddr[] = [];
    const access: number[] = [];
    for (let index = first; index < last; index++) {
      const allowed = pages.access(index);
      if (allowed === 0) {
        addresses.push(0 as DmaAddr);
        access.push(0);
        continue;
      }
      const address = pages.address(index, memo);
      if (address === DMA_MAPPING_ERROR) return -ERRNO.EFAULT;
      addresses.push(address);
      access.push(downgrade ? TABLE_READ : allowed);
    }
    for (let index = first; index < last; index++) {
      table!.write(index, addresses[index - first]!, access[index - first]!);
    }
    this.#emitTable(first, count, access.filter((each) => each !== 0).length, "2.2");
    return 0;
  }

  #emitTable(index: number, entries: number, valid: number, rule: string): void {
    const { events } = this.#machine;
    if (!events.tick(TABLE)) return;
    const { umem } = this;
    const outer = events.context.enterDevice(this.#init.device);
    events.emit(TABLE, {
      region: this.name,
      index,
      entries,
      valid,
      virt: umem.start + index * umem.pageBytes as VirtAddr,
      size_bytes: entries * umem.pageBytes,
      runs: valid === 0 ? [] : this.table!.runs(index, entries, umem),
    }, {
      rule: `hmm-rdma-vfio.${rule}`,
      inputs: { block: ENTRIES_OF_BLOCK, npages: umem.npages },
    });
    events.context.leaveDevice(outer);
  }

  /**
   * Handles a change of the process's mappings. Pages are removed first from the device's table,
   * then from the IOMMU's table.
   * @see rules/hmm-rdma-vfio.md 2.3
   */
  invalidate(notifier: IntervalNotifier, range: ChangedRange): boolean {
    if (!range.blockable) return false;
    const { context } = this.#machine.events;
    const { umem } = this;
    umem.lock("mlx5_ib_invalidate_range");
    const outer = context.enterDevice(this.#init.device);
    notifier.advance();
    if (this.table === null) this.#forget(range);
    else if (umem.npages !== 0) this.#unmapChanged(range);
    umem.unlock();
    context.leaveDevice(outer);
    return true;
  }

  /** First and last entry in a changed range. */
  #clip({ end, start }: ChangedRange): { readonly first: number; readonly last: number } {
    const { umem } = this;
    return {
      first: umem.indexOf(Math.max(start, umem.start)),
      last: umem.indexOf(Math.min(end, umem.end) - 1),
    };
  }

  #unmapChanged(range: ChangedRange): void {
    const { statistics, umem } = this;
    const { first, last } = this.#clip(range);
    invariant(first <= last, "An invalidation lies outside of its region");
    const before = statistics.invalidations;
    const zapped = this.#zap(first, last);
    statistics.invalidationsHandled++;
    const unmapped = umem.unmapPages(first, last - first + 1, this.name);
    this.#emitInvalidate(range, zapped, unmapped, statistics.invalidations - before);
    if (umem.npages === 0 && umem.kind === "child") this.#init.onEmpty?.(this);
  }

  /** Forgets pages for a software device, which has no table and no mappings. */
  #forget(range: ChangedRange): void {
    const { umem } = this;
    const { first, last } = this.#clip(range);
    let valid = 0;
    for (let index = first; index <= last; index++) {
      if (umem.pages.access(index) !== 0) valid++;
    }
    umem.unmapPages(first, last - first + 1, this.name);
    this.statistics.invalidations += valid;
    this.statistics.invalidationsHandled++;
    this.#emitInvalidate(range, 0, valid, valid);
  }

  /**
   * Removes runs of entries from the device's table. A run begins with a valid entry. It ends
   * before the first invalid entry that begins a block, or at the end of the range. `statistics`
   * counts the entries of a run; if an invalid entry ends the run, that entry is counted, too.
   *
   * @returns The number of removed entries.
   * @see rules/hmm-rdma-vfio.md 2.3 (3, 4), chapter 4, case 5
   */
  #zap(first: number, last: number): number {
    const { statistics, umem } = this;
    let start = -1;
    let zapped = 0;
    const close = (from: number, entries: number, counted: number) => {
      invariant(entries > 0, "No entries are zapped");
      this.table!.zap(from, entries);
      this.#emitTable(from, entries, 0, "2.3");
      zapped += entries;
      statistics.invalidations += counted;
    };
    for (let index = first; index <= last; index++) {
      if (umem.pages.access(index) !== 0) {
        if (start < 0) start = index;
      } else if (start >= 0 && index % ENTRIES_OF_BLOCK === 0) {
        close(start, index - start, index - start + 1);
        start = -1;
      }
    }
    if (start >= 0) close(start, last - start + 1, last - start + 1);
    return zapped;
  }

  #emitInvalidate(range: ChangedRange, zapped: number, unmapped: number, counted: number): void {
    const { events } = this.#machine;
    if (!events.tick(INVALIDATE)) return;
    events.emit(INVALIDATE, {
      region: this.name,
      virt: range.start,
      size_bytes: range.end - range.start,
      zapped,
      unmapped,
    }, {
      rule: "hmm-rdma-vfio.2.3",
      inputs: { counted, npages: this.umem.npages, kind: this.umem.kind },
    });
  }

  /** Clears the device's table, then unmaps and frees everything. */
  release(): void {
    if (this.released) return;
    this.released = true;
    const { umem } = this;
    this.table?.zap(0, this.table.length);
    this.#emitRegion("released");
    umem.lock("ib_umem_odp_free");
    umem.unmapPages(0, umem.entries, this.name);
    umem.unlock();
    umem.release();
  }
}

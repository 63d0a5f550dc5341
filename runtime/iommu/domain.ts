/**
 * An IOMMU domain: a page table, its IOVA allocator, and its way of flushing.
 *
 * The devices of an IOMMU group share a domain. All steps happen in the kernel's order, and every
 * step is an event.
 *
 * @see rules/dma.md 4.2, 5.2, 5.3, 9.4
 */
import {
  AddressLimitError,
  bitsOfLastAddress,
  type Bytes,
  type DmaAddr,
  hexAddress,
  leavesWindow,
  type PhysAddr,
} from "../address.ts";
import { ERRNO, errnoName, invariant, InvariantError } from "../errno.ts";
import { eventId } from "../event_vocabulary.ts";
import type { Why } from "../events.ts";
import { failingTables, INJECTION } from "../injection.ts";
import type { Platform } from "../platform.ts";
import { FlushQueue, type FlushQueueOptions, type FlushReason } from "./flush_queue.ts";
import { type DeviceTlb, syncDeviceTlbs } from "./device_tlb.ts";
import { HostMappings } from "./host_mappings.ts";
import type { WaitReason } from "./host_requests.ts";
import { coverByHardware, Invalidation, rangeBytes } from "./invalidation.ts";
import type { IommuModelSpec } from "./iommu_models.ts";
import type { Iotlb } from "./iotlb.ts";
import { IovaAllocator, MAX_CACHED_PFNS, searchedPfns } from "./iova_allocator.ts";
import { type IovaShortage, shortageOf } from "./iova_shortage.ts";
import { MemoryRuns } from "./memory_runs.ts";
import {
  PageSizeChoice,
  type PageTable,
  protectionWord,
  PTE_MMIO,
  PTE_READ,
  PTE_WRITE,
  SYNC_TABLES,
  SYNC_WALK,
  withReadable,
} from "./page_table.ts";

const IOVA_ALLOC = eventId("iova.alloc");
const IOVA_ALLOC_FAILED = eventId("iova.alloc_failed");
const IOVA_FREE = eventId("iova.free");
const IOMMU_MAP = eventId("iommu.map");
const IOMMU_MAP_FAILED = eventId("iommu.map_failed");
const IOMMU_UNMAP = eventId("iommu.unmap");
const IOMMU_SYNC_MAP = eventId("iommu.sync_map");
const IOTLB_SYNC = eventId("iotlb.sync");
const FLUSH_QUEUE_ADD = eventId("flush_queue.add");
const FLUSH_QUEUE_FLUSH = eventId("flush_queue.flush");

/** Leaf flags of an MSI doorbell: write-only, MMIO. */
const DOORBELL = PTE_WRITE | PTE_MMIO;
const DIRECT = PTE_READ | PTE_WRITE;
/** Units of work for each page that is mapped one to one. */
const DIRECT_PAGE_UNITS = 16;
const LAST_32BIT_ADDRESS = 2 ** 32 - 1;

/** The properties of a device that its domain uses. */
export interface DomainMember {
  readonly name: string;
  /** The device's own translation cache; null without ATS. */
  readonly deviceTlb: DeviceTlb | null;
  /** Bus, device and function; null for a device without a PCI address. */
  readonly requesterId: number | null;
  readonly lastAddress: number;
  readonly lastCoherentAddress: number;
  /** Width of the bus limit in bits; 0 where the bus reaches everything. */
  readonly busLimitBits: number;
  /** Maps physical addresses to the bus addresses of memory; null where the two are equal. */
  readonly rangeMap: { readonly addressText: string } | null;
  /** Number of live mappings. */
  readonly mappings: number;
  /**
   * Whether IOVAs below 4 GiB are tried first. The first failed allocation below 4 GiB sets this
   * property to false for good.
   */
  prefer32Bit: boolean;
  setUp32Bit(forcedac: boolean): void;
}

export interface IommuDomainOptions {
  readonly id: number;
  /** The device's name, or the names of the group's devices at the group's creation: `x+y`. */
  readonly name: string;
  /** The devices of the group. */
  readonly members: readonly DomainMember[];
  readonly table: PageTable;
  readonly iotlb: Iotlb;
  /** Options of the flush queue; null unless the domain is in lazy mode. */
  readonly flushQueue: FlushQueueOptions | null;
  /** True if a flush is needed after mapping, too, because the hardware caches not-present entries. */
  readonly cachingMode: boolean;
  /** Address ranges never allocated, end exclusive. */
  readonly reserved: readonly { readonly start: number; readonly end: number }[];
  /** A user owns the group: the user's calls decide what is mapped. Default: false. */
  readonly isUsers?: boolean;
}

export class IommuDomain {
  readonly id: number;
  readonly name: string;
  /** A user owns the domain, not the kernel's drivers, so the checker of drivers looks away. */
  readonly isUsers: boolean;
  /** The devices that use this domain, in the order in which they were probed. */
  readonly members: readonly DomainMember[];
  readonly iova: IovaAllocator;
  readonly table: PageTable;
  readonly granuleBytes: Bytes;
  readonly cachingMode: boolean;
  /** Address ranges that are never allocated, end exclusive. */
  readonly reserved: IommuDomainOptions["reserved"];
  /** Firmware memory that is mapped one to one for the domain's lifetime, end exclusive. */
  readonly direct: IommuDomainOptions["reserved"] = [];
  /** The runs of the list that is currently being mapped. */
  readonly runs: MemoryRuns = new MemoryRuns();
  /** The ranges that wait for a flush; null in strict mode. */
  flushQueue: FlushQueue | null;

  /** Whether any device has a device-TLB, which must be sent invalidations, too. */
  hasDeviceTlbs = false;

  /** Incremented when leaves are cleared without an invalidation: IOTLB entries may be stale then. */
  generation = 0;

  /**
   * IOVA of each mapped doorbell's granule, by its physical address. Writes to the IOVA are
   * interrupts.
   */
  readonly #doorbellPages = new Map<PhysAddr, number>();
  #lastShortage: { readonly key: string; readonly shortage: IovaShortage } | null = null;
  readonly #platform: Platform;
  readonly #iotlb: Iotlb;
  readonly #model: IommuModelSpec;
  readonly #inverseGranule: number;
  readonly #granuleMask: number;
  readonly #invalidation = new Invalidation();
  /** Ranges that were unmapped and not invalidated yet: see `unmapGathered`. */
  readonly #gathered = { first: 0, sizeBytes: 0, unitBytes: 0, leafOnly: true };
  /** How an unmap is cut, where its parts are invalidated one by one; else null. */
  readonly #cuts: PageSizeChoice | null;
  /** Whether unmaps of another size are not invalidated together. */
  readonly #syncsUnmapSizes: boolean;
  /** The mappings if they are a host's (virtio-iommu); else null. */
  readonly hostMappings: HostMappings | null;

  constructor(platform: Platform, options: IommuDomainOptions) {
    this.#platform = platform;
    this.#model = platform.iommuModel;
    this.#iotlb = options.iotlb;
    this.id = options.id;
    this.name = options.name;
    this.isUsers = options.isUsers ?? false;
    this.members = options.members;
    this.table = options.table;
    this.hostMappings = options.table instanceof HostMappings ? options.table : null;
    this.granuleBytes = options.table.granuleBytes;
    this.#inverseGranule = 1 / this.granuleBytes;
    this.#granuleMask = this.granuleBytes - 1;
    this.table.outOfMemory = failingTables(platform);
    this.#cuts = this.#model.driver === "intel" && platform.kernel.vtd_syncs_at_page_size
      ? new PageSizeChoice(options.table.pageSizesBytes)
      : null;
    this.#syncsUnmapSizes = this.#model.driver === "intel" &&
      platform.kernel.vtd_syncs_at_unmap_size;
    this.cachingMode = options.cachingMode;
    this.reserved = options.reserved;
    this.iova = new IovaAllocator({
      granuleBytes: this.granuleBytes,
      // Frame 0 is never allocated, so that 0 can mean failure (4.1).
      startPfn: 1,
      cpus: platform.config.cpus,
      clock: platform.clock,
    });
    for (const { start, end } of options.reserved) {
      this.reserve(Math.floor(start / this.granuleBytes), Math.ceil(end / this.granuleBytes) - 1);
    }
    this.flushQueue = options.flushQueue === null
      ? null
      : new FlushQueue(this, platform.clock, options.flushQueue);
  }

  /** True in lazy mode: an unmapped range stays usable by the device until the next flush. */
  get lazy(): boolean {
    return this.flushQueue !== null;
  }

  /** Switches to lazy mode: from now on, ranges wait for a flush. */
  startFlushQueue(options: FlushQueueOptions): void {
    invariant(this.flushQueue === null, "A lazy domain goes over to lazy mode");
    this.flushQueue = new FlushQueue(this, this.#platform.clock, options);
  }

  /** Reserves frames, both ends included, so that they are never allocated. */
  reserve(loPfn: number, hiPfn: number): void {
    this.#lastShortage = null;
    this.iova.ranges.reserve(loPfn, hiPfn);
  }

  /**
   * Restores the state in which the domain's devices were attached: no tables but the top one, no
   * ranges in caches or in a flush queue, nothing in the IOTLB. For callers that run many cases on
   * one platform. When it is called, nothing may be mapped, and no range may be allocated.
   */
  renew(): void {
    this.flushQueue?.drain();
    for (const iova of this.#doorbellPages.values()) this.freeIova(iova, this.granuleBytes);
    this.#doorbellPages.clear();
    this.iova.flushCaches();
    this.iova.stopTimers();
    this.table.clear();
    this.#iotlb.invalidateDomain(this.id);
    for (const { deviceTlb } of this.members) deviceTlb?.clear(this.id);
    invariant((this.flushQueue?.pending ?? 0) === 0, "Ranges wait for a flush after it");
    for (const { start, end } of this.direct) this.#mapForGood(start, start, end, DIRECT);
    for (const dev of this.members) dev.setUp32Bit(this.#platform.config.iommu.forcedac);
  }

  /**
   * Offset of an address in its granule. `&` works modulo 2^32; no granule is larger, so the result
   * is right for any address.
   */
  offsetOf(address: number): number {
    return address & this.#granuleMask;
  }

  /** A size rounded up to whole granules. */
  roundUp(sizeBytes: Bytes): Bytes {
    return sizeBytes + (-sizeBytes & this.#granuleMask);
  }

  /**
   * Allocates an IOVA range: below 4 GiB first if the device prefers that.
   *
   * @param device The device of the call. Its limits apply, not those of other devices in the
   *   domain.
   * @param sizeBytes Whole granules.
   * @param coherent True if the coherent mask limits the range; false if the streaming mask does.
   * @returns The first address, or 0 when no range fits.
   * @throws {AddressLimitError} When the address would not be an exact number.
   * @see rules/dma.md 4.2, 9.5
   */
  allocIova(device: DomainMember, sizeBytes: Bytes, coherent: boolean): number {
    const { iova } = this;
    const { events, faults } = this.#platform;
    if (faults !== null && faults.errnoAt(INJECTION["iova.alloc"]) !== 0) return 0;
    const lastAddress = coherent ? device.lastCoherentAddress : device.lastAddress;
    const { cpu } = events.context;
    const pfns = sizeBytes * this.#inverseGranule;
    const last = Math.min(lastAddress, this.table.lastAddress);
    let limitPfn = iova.ranges.dma32Pfn - 1;
    let pfn = 0;
    if (last > LAST_32BIT_ADDRESS && device.prefer32Bit) {
      pfn = iova.allocFast(cpu, pfns, limitPfn, false);
      if (pfn === 0) {
        device.prefer32Bit = false;
        warnOfLast32Bit(this.#platform, device, last);
      }
    }
    if (pfn === 0) {
      limitPfn = Math.floor((last + 1) * this.#inverseGranule) - 1;
      pfn = iova.allocFast(cpu, pfns, limitPfn, true);
      if (pfn === 0) {
        this.#noneFits(device, sizeBytes, lastAddress, limitPfn);
        return 0;
      }
    }
    const start = pfn * this.granuleBytes;
    if (leavesWindow(start, sizeBytes) || leavesWindow(start, last - start + 1)) {
      throw new AddressLimitError();
    }
    if (events.tick(IOVA_ALLOC)) {
      events.emit(IOVA_ALLOC, {
        start: start as DmaAddr,
        size_bytes: sizeBytes,
        limit: ((limitPfn + 1) * this.granuleBytes - 1) as DmaAddr,
        source: iova.lastSource,
      }, this.#whyAllocated(device, pfns, last, limitPfn));
    }
    return start;
  }

  #whyAllocated(device: DomainMember, pfns: number, last: number, limitPfn: number): Why {
    const fromCache = this.iova.lastSource === "rcache";
    return {
      rule: fromCache ? "dma.4.3" : limitPfn < this.iova.ranges.dma32Pfn ? "dma.4.2" : "dma.4.4",
      inputs: {
        granules: pfns,
        cacheable: pfns <= MAX_CACHED_PFNS,
        last_address_of_device: last,
        below_4gib_first: device.prefer32Bit,
        cpu: this.#platform.events.context.cpu,
      },
    };
  }

  /** Emits the reason why no free range of whole granules was found. @see rules/dma.md 4.4 */
  #noneFits(device: DomainMember, sizeBytes: Bytes, lastOfDevice: number, limitPfn: number): void {
    const { events } = this.#platform;
    if (!events.tick(IOVA_ALLOC_FAILED)) return;
    const { granuleBytes, iova: { ranges } } = this;
    const searched = searchedPfns(sizeBytes * this.#inverseGranule);
    const { cause, freePfns, longestPfns } = this.#shortage(searched, limitPfn);
    events.emit(IOVA_ALLOC_FAILED, {
      size_bytes: sizeBytes,
      limit: ((limitPfn + 1) * granuleBytes - 1) as DmaAddr,
      cause,
    }, {
      rule: "dma.4.4",
      inputs: {
        searched_bytes: searched * granuleBytes,
        free_bytes: freePfns * granuleBytes,
        longest_free_bytes: longestPfns * granuleBytes,
        limited_by: lastOfDevice > this.table.lastAddress
          ? "iommu"
          : device.busLimitBits !== 0 && bitsOfLastAddress(lastOfDevice) === device.busLimitBits
          ? "bus"
          : "mask",
        ...device.rangeMap === null ? {} : { bus_ranges: device.rangeMap.addressText },
        waiting_for_flush: this.flushQueue?.pending ?? 0,
        skipped_from_bytes: ranges.max32AllocPfns * granuleBytes,
      },
    });
  }

  /** The free space that a failed search found, cached until a range is allocated or freed. */
  #shortage(searchedPfns: number, limitPfn: number): IovaShortage {
    const { events } = this.#platform;
    const changes = events.count(IOVA_ALLOC) + events.count(IOVA_FREE) + this.iova.depotWorks;
    const key = `${changes} ${searchedPfns} ${limitPfn}`;
    if (this.#lastShortage?.key !== key) {
      const shortage = shortageOf(this.iova.ranges, searchedPfns, limitPfn);
      this.#lastShortage = { key, shortage };
    }
    return this.#lastShortage.shortage;
  }

  /** Frees a range at once. @param sizeBytes Whole granules; decides the cache class. */
  freeIova(start: number, sizeBytes: Bytes): void {
    const { events } = this.#platform;
    const granules = sizeBytes * this.#inverseGranule;
    this.iova.freeFast(events.context.cpu, start * this.#inverseGranule, granules);
    if (events.tick(IOVA_FREE)) {
      events.emit(IOVA_FREE, {
        start: start as DmaAddr,
        size_bytes: sizeBytes,
        to: this.iova.lastDestination,
      }, {
        rule: "dma.4.3",
        inputs: { granules, largest_cached_granules: MAX_CACHED_PFNS },
      });
    }
  }

  /** Parks a range until the next flush (lazy mode only). */
  #queueIova(queue: FlushQueue, start: number, sizeBytes: Bytes): void {
    const { events } = this.#platform;
    if (events.tick(IOVA_FREE)) {
      events.emit(IOVA_FREE, {
        start: start as DmaAddr,
        size_bytes: sizeBytes,
        to: "flush_queue",
      }, { rule: "dma.5.3", inputs: { lazy: true } });
    }
    queue.add(events.context.cpu, start * this.#inverseGranule, sizeBytes * this.#inverseGranule);
    if (events.tick(FLUSH_QUEUE_ADD)) events.emit(FLUSH_QUEUE_ADD, { pending: queue.pending });
  }

  /**
   * Writes leaves for `[iova, iova + sizeBytes)`.
   * @returns 0 or a negative errno; on failure nothing of the range stays mapped.
   */
  map(iova: number, phys: PhysAddr, sizeBytes: Bytes, flags: number): number {
    const { audited, charges, events } = this.#platform;
    const { table } = this;
    const written = this.#model.writableIsReadable ? withReadable(flags) : flags;
    const error = table.map(iova, phys, sizeBytes, written);
    if (error === 0) {
      if (audited || charges.tableWriteNs !== 0) this.#countLeaves(iova, sizeBytes);
      // The classic table format accepts a map of 0 bytes, but nothing is written for it.
      if (sizeBytes > 0 && events.tick(IOMMU_MAP)) {
        this.#emitMapped(iova, phys, sizeBytes, written);
      }
    } else this.#emitMapFailed(iova, phys, sizeBytes, error);
    if (table.syncs.count !== 0) this.#syncTable(true);
    if (error !== 0 && table.undoneBytes !== 0) this.#waitAfterUnmap(iova, table.undoneBytes);
    return error;
  }

  /**
   * Maps runs of one granule each, with the same result as separate calls of `map`. Maps nothing if
   * a listener needs an event of each map, or if maps are audited or charged separately.
   * @returns Number of runs mapped; the first of them has index `first`. If the number is 0, the
   *   caller must call `map`.
   */
  mapGranules(iova: number, runs: MemoryRuns, first: number, flags: number): number {
    const { audited, charges, events } = this.#platform;
    if (events.attentive || audited || charges.tableWriteNs !== 0) return 0;
    const written = this.#model.writableIsReadable ? withReadable(flags) : flags;
    const granules = this.table.mapGranules(iova, runs, first, written);
    events.tickUnseen(IOMMU_MAP, granules);
    return granules;
  }

  /** Maps 0 bytes, in releases whose page tables accept that: nothing is written. */
  mapNothing(iova: number, phys: PhysAddr, flags: number): void {
    const { events, kernel } = this.#platform;
    invariant(kernel.empty_map_accepted, "an empty range is mapped that the tables refuse");
    if (!events.tick(IOMMU_MAP)) return;
    events.emit(IOMMU_MAP, {
      iova: iova as DmaAddr,
      phys,
      size_bytes: 0,
      prot: protectionWord(flags),
      leaves: [],
    });
  }

  /** A separate method, so that `map` stays small enough to be inlined. */
  #emitMapped(iova: number, phys: PhysAddr, sizeBytes: Bytes, flags: number): void {
    this.#platform.events.emit(IOMMU_MAP, {
      iova: iova as DmaAddr,
      phys,
      size_bytes: sizeBytes,
      prot: protectionWord(flags),
      leaves: this.table.leaves.toList(),
    });
  }

  #emitMapFailed(iova: number, phys: PhysAddr, sizeBytes: Bytes, error: number): void {
    const { events } = this.#platform;
    const { lastAddress: last_address, lastPhys: last_phys, warnings } = this.table;
    warnOfTable(this.#platform, "map_pages", iova, warnings);
    if (!events.tick(IOMMU_MAP_FAILED)) return;
    events.emit(IOMMU_MAP_FAILED, {
      iova: iova as DmaAddr,
      phys,
      size_bytes: sizeBytes,
      undone_bytes: this.table.undoneBytes,
      error: errnoName(-error),
    }, { rule: "dma.5.1", inputs: { granule_bytes: this.granuleBytes, last_address, last_phys } });
  }

  /** Makes new mappings visible to the device. @see rules/dma.md 5.2 (map-sync) */
  syncMap(iova: number, sizeBytes: Bytes): void {
    const { events } = this.#platform;
    if (this.cachingMode) {
      this.#invalidation.first = iova;
      this.#invalidation.last = iova + sizeBytes - 1;
      this.#invalidate("map");
    }
    this.#waitForHost("map", iova, sizeBytes);
    if (events.tick(IOMMU_SYNC_MAP)) {
      events.emit(IOMMU_SYNC_MAP, { iova: iova as DmaAddr, size_bytes: sizeBytes });
    }
  }

  /**
   * The IOVA that a device writes for an interrupt when the doorbell is a memory address. The
   * doorbell's page is mapped at the first call for this doorbell, for all members and permanently.
   * @returns The address, or -ENOMEM if no range or no table can be allocated.
   * @see rules/dma.md 4.7
   */
  messageAddress(device: DomainMember, doorbellPhys: PhysAddr): DmaAddr | number {
    const offset = this.offsetOf(doorbellPhys);
    const phys = doorbellPhys - offset as PhysAddr;
    let iova = this.#doorbellPages.get(phys);
    if (iova === undefined) {
      iova = this.allocIova(device, this.granuleBytes, false);
      if (iova === 0) return -ERRNO.ENOMEM;
      if (this.#mapForGood(iova, phys, phys + this.granuleBytes, DOORBELL) !== 0) {
        this.freeIova(iova, this.granuleBytes);
        return -ERRNO.ENOMEM;
      }
      invariant(this.endOfKept(iova) < 0, "a doorbell has a page of its own");
      this.#doorbellPages.set(phys, iova);
    }
    return iova + offset;
  }

  /**
   * The end of the permanent mapping (a doorbell, or firmware memory) at an address; -1 if the address
   * is in no permanent mapping.
   */
  endOfKept(dma: number): number {
    const start = dma - this.offsetOf(dma);
    for (const iova of this.#doorbellPages.values()) {
      if (iova === start) return start + this.granuleBytes;
    }
    return this.direct.find(({ end, start }) => start <= dma && dma < end)?.end ?? -1;
  }

  /**
   * Maps firmware memory one to one, except pages that are mapped already. Both ends are rounded up
   * to the smallest page.
   * @returns 0 or a negative errno.
   * @see rules/dma.md 9.11
   */
  mapDirect(startPhys: number, endPhys: number): number {
    const end = this.roundUp(endPhys);
    let start = -1;
    for (let at = this.roundUp(startPhys); at <= end; at += this.granuleBytes) {
      this.#platform.budget.work(DIRECT_PAGE_UNITS);
      if (at < end && !this.table.walk(at)) {
        if (start < 0) start = at;
      } else if (start >= 0) {
        const error = this.#mapForGood(start, start, at, DIRECT);
        if (error !== 0) return error;
        (this.direct as { start: number; end: number }[]).push({ start, end: at });
        start = -1;
      }
    }
    return 0;
  }

  /** Makes a permanent mapping, which no driver has made and no unmap ends. */
  #mapForGood(iova: number, startPhys: number, endPhys: number, flags: number): number {
    const sizeBytes = endPhys - startPhys;
    invariant(
      sizeBytes > 0 && this.offsetOf(startPhys) === 0 && this.offsetOf(endPhys) === 0,
      "what is mapped for good is made of whole pages",
    );
    const error = this.map(iova, startPhys as PhysAddr, sizeBytes, flags);
    if (error === 0) this.syncMap(iova, sizeBytes);
    return error;
  }

  /**
   * Clears the leaves of a range, and warns if fewer or more bytes were cleared than the caller
   * expected.
   *
   * @param flushNow Whether the IOTLB is invalidated before this method returns.
   * @param caller The function of the kernel that warns.
   * @returns Bytes cleared: fewer than requested at a hole, more if a large leaf was hit.
   */
  unmap(iova: number, sizeBytes: Bytes, flushNow: boolean, caller: UnmapCaller): number {
    const unmapped = this.#clearLeaves(iova, sizeBytes);
    const syncedBytes = flushNow && this.#cuts !== null
      ? this.#syncEarly(this.#cuts, iova, unmapped)
      : 0;
    this.#emitUnmap(iova, sizeBytes, unmapped, caller);
    if (this.table.syncs.count !== 0) this.#syncTable(flushNow, iova + syncedBytes);
    if (flushNow) this.#waitAfterUnmap(iova, unmapped);
    else this.generation++;
    return unmapped;
  }

  /**
   * Clears the leaves of a range, all of which are mapped. `syncGathered` invalidates this range and those
   * that were gathered before; each begins where the one before it ends.
   * @see rules/hmm-rdma-vfio.md 7.14
   */
  unmapGathered(iova: number, sizeBytes: Bytes): void {
    const gathered = this.#gathered;
    const unmapped = this.#clearLeaves(iova, sizeBytes);
    invariant(unmapped === sizeBytes, "An area of a process has a hole");
    invariant(
      gathered.sizeBytes === 0 || gathered.first + gathered.sizeBytes === iova,
      "Ranges that do not follow each other are invalidated together",
    );
    if (gathered.sizeBytes === 0) gathered.first = iova;
    gathered.sizeBytes += sizeBytes;
    if (this.#cuts !== null) {
      this.#syncOtherSizes(this.#cuts, iova, sizeBytes);
    } else if (this.#syncsUnmapSizes) this.#syncBefore(iova, sizeBytes);
    this.#emitUnmap(iova, sizeBytes, unmapped, "iommu_unmap");
    const { syncs } = this.table;
    for (let index = 0; index < syncs.count; index++) {
      if (syncs.kind(index) === SYNC_TABLES) gathered.leafOnly = false;
    }
    if (syncs.count !== 0) this.#syncTable(false);
    this.generation++;
  }

  /** Invalidates the ranges of `unmapGathered`, with one command. */
  syncGathered(): void {
    const gathered = this.#gathered;
    const { first, leafOnly, sizeBytes } = gathered;
    invariant(sizeBytes > 0, "Nothing was gathered for an invalidation");
    gathered.sizeBytes = 0;
    gathered.unitBytes = 0;
    gathered.leafOnly = true;
    if (this.hostMappings === null) {
      this.#invalidation.first = first;
      this.#invalidation.last = first + sizeBytes - 1;
      this.#invalidate("range", leafOnly);
    }
    this.#waitAfterUnmap(first, sizeBytes);
  }

  /** Invalidates what was gathered, where the pages have another size than those before. */
  #syncOtherSizes(cuts: PageSizeChoice, iova: number, sizeBytes: Bytes): void {
    for (let done = 0; done < sizeBytes; done += cuts.sizeBytes * cuts.count) {
      const at = iova + done;
      cuts.choose(at, at, sizeBytes - done);
      this.#syncBefore(at, cuts.sizeBytes);
    }
  }

  /** Invalidates what was gathered before an address, if it was unmapped in another size. */
  #syncBefore(at: number, unitBytes: Bytes): void {
    const gathered = this.#gathered;
    if (gathered.unitBytes !== 0 && gathered.unitBytes !== unitBytes) {
      this.#invalidation.first = gathered.first;
      this.#invalidation.last = at - 1;
      this.#invalidate("range");
      gathered.sizeBytes -= at - gathered.first;
      gathered.first = at;
    }
    gathered.unitBytes = unitBytes;
  }

  #clearLeaves(iova: number, sizeBytes: Bytes): number {
    const { audited, charges } = this.#platform;
    const unmapped = this.table.unmap(iova, sizeBytes);
    warnOfTable(this.#platform, "unmap_pages", iova, this.table.warnings);
    if (audited || charges.tableWriteNs !== 0) this.#countLeaves(iova, unmapped);
    return unmapped;
  }

  #emitUnmap(iova: number, sizeBytes: Bytes, unmapped: Bytes, caller: UnmapCaller): void {
    const { events } = this.#platform;
    if (events.tick(IOMMU_UNMAP)) {
      events.emit(IOMMU_UNMAP, {
        iova: iova as DmaAddr,
        size_bytes: sizeBytes,
        unmapped_bytes: unmapped,
        leaves: this.table.leaves.toList(),
      });
    }
    if (unmapped === sizeBytes) return;
    const what = `${unmapped} of ${sizeBytes} bytes at ${hexAddress(iova)} were mapped`;
    warnOfDevice(this.#platform, caller, what);
  }

  /** Waits for the host after an unmap, if the tables are a host's. @see rules/dma.md 5.5 */
  #waitAfterUnmap(iova: number, unmappedBytes: Bytes): void {
    const isGathered = !this.#platform.kernel.virtio_gathers_no_range && unmappedBytes > 0;
    this.#waitForHost("unmap", isGathered ? iova : 0, isGathered ? unmappedBytes : 0);
  }

  #waitForHost(reason: WaitReason, start: number, sizeBytes: Bytes): void {
    if (this.hostMappings !== null) this.hostMappings.requests.wait(reason, start, sizeBytes);
  }

  /**
   * Invalidates the pages of an unmap before those of the last size, size by size.
   * @returns Bytes from the start of the unmap that need no further invalidation.
   * @see rules/dma.md 5.2
   */
  #syncEarly(cuts: PageSizeChoice, iova: number, unmappedBytes: Bytes): Bytes {
    let first = 0;
    let pageBytes = 0;
    for (let done = 0; done < unmappedBytes; done += cuts.sizeBytes * cuts.count) {
      cuts.choose(iova + done, iova + done, unmappedBytes - done);
      if (pageBytes !== 0 && cuts.sizeBytes !== pageBytes) {
        this.#invalidation.first = iova + first;
        this.#invalidation.last = iova + done - 1;
        this.#invalidate("range");
        first = done;
      }
      pageBytes = cuts.sizeBytes;
    }
    return first;
  }

  /**
   * Charges the cost of the leaves that an operation wrote or cleared, and audits that their lengths add
   * up.
   */
  #countLeaves(iova: number, sizeBytes: Bytes): void {
    const { audited, charges } = this.#platform;
    const { leaves } = this.table;
    if (audited && leaves.totalBytes !== sizeBytes) {
      throw new InvariantError(`The leaves at ${hexAddress(iova)} are not ${sizeBytes} bytes`);
    }
    charges.tableWrites(leaves.total);
  }

  /** Frees a range with cleared leaves: at once, or in lazy mode after the next flush. */
  releaseIova(start: number, sizeBytes: Bytes): void {
    if (this.flushQueue === null) this.freeIova(start, sizeBytes);
    else this.#queueIova(this.flushQueue, start, sizeBytes);
  }

  /** Invalidates all IOTLB entries of the domain, or waits for the host that has the tables. */
  flushAll(): void {
    const { events } = this.#platform;
    if (this.hostMappings !== null) {
      this.#waitForHost("flush", 0, 0);
      return;
    }
    this.#iotlb.invalidateDomain(this.id);
    if (events.tick(IOTLB_SYNC)) {
      const sizeBytes = rangeBytes(this.table, 0, this.table.lastAddress);
      events.emit(IOTLB_SYNC, {
        kind: "all",
        start: 0 as DmaAddr,
        size_bytes: sizeBytes,
        hw_start: 0 as DmaAddr,
        hw_size_bytes: sizeBytes,
      }, { rule: "dma.5.3", inputs: { pending: this.flushQueue!.pending } });
    }
    if (this.hasDeviceTlbs) syncDeviceTlbs(this.#platform, this, null);
  }

  /** Called after a flush with the number of ranges that it releases. */
  flushed(entries: number, reason: FlushReason): void {
    const { events } = this.#platform;
    if (!events.tick(FLUSH_QUEUE_FLUSH)) return;
    const { entries: places, timeoutNs } = this.flushQueue!;
    events.emit(FLUSH_QUEUE_FLUSH, { entries, reason }, {
      rule: "dma.5.3",
      inputs: { usable_entries: places - 1, timeout_ns: timeoutNs },
    });
  }

  /** Runs the work of the flush queue's timer, outside of any driver's call. */
  onTimer(work: () => void): void {
    const { context } = this.#platform.events;
    const before = context.enterWork(this.members[0]?.name ?? this.name);
    work();
    context.leave(before);
  }

  /** Frees a range after its flush. */
  releaseRange(pfn: number, pfns: number): void {
    this.freeIova(pfn * this.granuleBytes, pfns * this.granuleBytes);
  }

  /**
   * Sends the invalidations that the table's last operation requires.
   * @param from Addresses below this one are invalidated already.
   */
  #syncTable(leavesToo: boolean, from = 0): void {
    const { syncs } = this.table;
    for (let index = 0; index < syncs.count; index++) {
      const kind = syncs.kind(index);
      const isWalk = kind === SYNC_WALK;
      if (!leavesToo && !isWalk) continue;
      const last = syncs.last(index);
      this.#invalidation.first = Math.max(syncs.first(index), from);
      // An empty range at 0 ends at -1, which wraps around to the last address: everything is
      // invalidated (tests/golden/pagetable/README.md).
      this.#invalidation.last = last < 0 ? this.table.lastAddress : last;
      this.#invalidate(isWalk ? "walk" : "range", kind !== SYNC_TABLES);
    }
  }

  /**
   * Invalidates the range in `#invalidation`.
   * @param leafOnly No table was freed, so cached table pointers may stay (5.2).
   */
  #invalidate(kind: "map" | "range" | "walk", leafOnly = true): void {
    const { events, config } = this.#platform;
    const invalidation = this.#invalidation;
    const { flushAllAbovePages, model } = config.iommu;
    coverByHardware(this.#model.flushes, flushAllAbovePages, this.table, invalidation);
    if (invalidation.whole) this.#iotlb.invalidateDomain(this.id);
    else this.#iotlb.invalidate(this.id, invalidation);
    if (events.tick(IOTLB_SYNC)) {
      const { first, last, hardwareFirst, hardwareLast } = invalidation;
      events.emit(IOTLB_SYNC, {
        kind,
        start: first as DmaAddr,
        size_bytes: rangeBytes(this.table, first, last),
        hw_start: hardwareFirst as DmaAddr,
        hw_size_bytes: rangeBytes(this.table, hardwareFirst, hardwareLast),
      }, {
        rule: "dma.5.2",
        inputs: {
          model,
          caching_mode: this.cachingMode,
          whole_domain: invalidation.whole,
          leaf_only: leafOnly,
        },
      });
    }
    // A map in caching mode sends no device-TLB command: devices do not cache not-present entries
    // (5.4).
    if (this.hasDeviceTlbs && kind !== "map") syncDeviceTlbs(this.#platform, this, invalidation);
  }
}

/** Functions that clear leaves and check how many were cleared. */
export type UnmapCaller = "__iommu_dma_unmap" | "__iommu_dma_iova_unlink" | "iommu_unmap";

/** Warns that no range below 4 GiB is left, if the device preferred such ranges. @see rules/dma.md 4.2 */
function warnOfLast32Bit({ warnings }: Platform, { name }: DomainMember, last: number): void {
  const bits = bitsOfLastAddress(last);
  warnings.warn(
    "iommu_dma_alloc_iova",
    `Device "${name}" has used up the IOVAs below 4 GiB ` +
      `and from now on takes those of ${bits} bits`,
    `Using ${bits}-bit DMA addresses`,
  );
}

/** Emits WARNs of the page table's own code. @param operation The domain operation that ran. */
function warnOfTable(platform: Platform, operation: string, iova: number, count: number): void {
  for (let left = count; left > 0; left--) {
    const what = `the page table at ${hexAddress(iova)} is not as expected`;
    warnOfDevice(platform, operation, what);
  }
}

/** Emits a WARN about the device of the call. */
function warnOfDevice({ events, warnings }: Platform, at: string, what: string): void {
  warnings.warn(at, `Device "${events.context.device}": ${what}`);
}

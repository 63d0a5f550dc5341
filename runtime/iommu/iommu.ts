/**
 * The machine's IOMMU: a domain for each translated group, and the translation of devices'
 * accesses.
 *
 * @see rules/dma.md 1.3, chapters 4, 5 and 9
 */
import type { DeviceAccess, FaultReason } from "../vocabulary/shared_words.ts";
import {
  ADDRESS_LIMIT,
  type Bytes,
  type DmaAddr,
  type Nanoseconds,
  PC_MSI_END,
  PC_MSI_START,
  type PhysAddr,
  realHigh,
} from "../address.ts";
import type { DmaDevice } from "../dma/device/device.ts";
import { type EventFields, eventId } from "../event_vocabulary.ts";
import type { IommuConfig, IommuMode } from "../machine_config.ts";
import type { DeviceTlb } from "./device_tlb.ts";
import type { IommuDomain } from "./domain.ts";
import type { HostMappings } from "./host_mappings.ts";
import { type GroupPlatform, IommuGroups } from "./iommu_groups.ts";
import { Iotlb } from "./iotlb.ts";
import type { IommuModelSpec } from "./iommu_models.ts";
import { PTE_READ, PTE_WRITE } from "./page_table.ts";

const READABLE = PTE_READ;
const WRITABLE = PTE_WRITE;

const DEVICE_TLB_REQUEST = eventId("device_tlb.request");
const IOMMU_TRANSLATE = eventId("iommu.translate");
const IOMMU_FAULT = eventId("iommu.fault");

export type { DeviceAccess, FaultReason };

/** One access that faulted. */
export interface IommuFault {
  /** Who asked. */
  readonly device: string;
  /** Its request. */
  readonly dma: DmaAddr;
  /** Whether the access was a read or a write. */
  readonly access: DeviceAccess;
  /** The reason of the fault. */
  readonly reason: FaultReason;
  /** Time of the fault, in virtual time. */
  readonly atNs: Nanoseconds;
}

/** The platform as the IOMMU uses it, with the higher layers that it calls. */
export interface IommuPlatform extends GroupPlatform {
  /** Observes accesses that a cached entry decided; null when the machine has no checker. */
  readonly checker: { readonly accesses: CachedAccessObserver } | null;
}

interface CachedAccessObserver {
  /** Called when a cached not-present entry refused an access that the page table may meanwhile allow. */
  hidden(dev: DmaDevice, dma: number, access: DeviceAccess): void;
  /** Called when a stale entry of the IOTLB, or of the device's own cache, translated an access. */
  stale(dev: DmaDevice, dma: number, access: DeviceAccess, from: StaleCache, age: string): void;
}

/** The cache that contains the stale entry; or a host that has not handled the unmap. */
export type StaleCache = "iotlb" | "device_tlb" | "host";

/** Maximum number of faults that are stored; further ones are only counted. */
const MAX_RECORDED_FAULTS = 65_536;

/** The translation of a page in the answer to a translation request (ATS). */
interface TranslationAnswer {
  /**
   * The address of the access, and the physical address that it is translated to (none if `flags`
   * is 0).
   */
  readonly dma: number;
  readonly phys: number;
  readonly sizeBytes: Bytes;
  readonly flags: number;
}

/** The IOMMU of a platform. */
export class Iommu {
  /** @internal */
  readonly iotlb: Iotlb;
  /** @internal */
  readonly groups: IommuGroups;
  /** Accesses that faulted, oldest first; the first 65536 are kept. */
  readonly faults: IommuFault[] = [];
  /**
   * Number of live mappings that translated devices have and that need an unmap: single mappings,
   * lists and ranges, each counted once.
   */
  liveMappings = 0;
  /** Number of ranges of the two-step API that are allocated, whether or not something is linked. */
  liveRanges = 0;
  /** Number of accesses that a stale IOTLB entry translated although the page table had changed. */
  staleAccesses = 0;

  readonly #platform: IommuPlatform;
  readonly #config: IommuConfig;
  readonly #model: IommuModelSpec;
  readonly #msiWindow: boolean;

  /** @internal */
  constructor(platform: IommuPlatform) {
    this.#platform = platform;
    this.#config = platform.config.iommu;
    this.iotlb = new Iotlb(this.#config.iotlbEntries);
    this.groups = new IommuGroups(platform, this.iotlb);
    this.#model = platform.iommuModel;
    this.#msiWindow = this.#model.hasInterruptWindow;
  }

  /** The requested mode; the mode of a device follows from `device.domain` and `device.domain.lazy`. */
  get mode(): IommuMode {
    return this.#config.mode;
  }

  /** The smallest page, which is the unit of IOVAs. */
  get granuleBytes(): Bytes {
    return this.#config.granuleBytes;
  }

  /**
   * Every domain, in the order in which groups were attached.
   * @internal
   */
  get domains(): readonly IommuDomain[] {
    return this.groups.domains;
  }

  /**
   * Whether an address has a permanent mapping in a domain.
   * @internal
   */
  keeps(domain: string, dma: number): boolean {
    return this.domains.some((each) => each.name === domain && each.endOfKept(dma) >= 0);
  }

  /**
   * For each device that shares a domain, by the device's name: the name of that domain.
   * @internal
   */
  get sharers(): ReadonlyMap<string, string> {
    return this.groups.sharers;
  }

  /** Number of ranges that wait for a flush, on all CPUs and for all devices. */
  get pendingFlushes(): number {
    let pending = 0;
    for (const { flushQueue } of this.domains) pending += flushQueue?.pending ?? 0;
    return pending;
  }

  /**
   * Puts a device into its own new group, and attaches it to the group's domain.
   * @internal
   */
  attach(dev: DmaDevice): void {
    this.groups.make([dev]);
  }

  /**
   * The mode in which a device is really translated, whatever was requested.
   * @internal
   */
  modeOf(dev: DmaDevice): IommuMode {
    if (dev.domain !== null) return dev.domain.lazy ? "lazy" : "strict";
    return this.#config.mode === "off" ? "off" : "passthrough";
  }

  /**
   * Flushes and releases all waiting ranges, so that a machine starts with empty flush queues.
   * @internal
   */
  drainFlushQueues(): void {
    for (const domain of this.domains) {
      domain.flushQueue?.drain();
      domain.iova.stopTimers();
    }
  }

  /**
   * Looks an IOVA up in the page table, as the kernel would. Emits no event and does not use the
   * IOTLB.
   * @returns The physical address of exactly that byte, or -1. Without translation, the address
   *   itself.
   */
  lookup(dev: DmaDevice, dma: number): PhysAddr | -1 {
    if (dev.domain === null) return this.#throughBus(dev, dma);
    const { table } = dev.domain;
    return table.walk(dma) ? table.walkPhys as PhysAddr : -1;
  }

  /**
   * The physical address of an access without translation. The bus's ranges convert addresses of
   * memory; addresses of MMIO windows stay unchanged.
   */
  #throughBus(dev: DmaDevice, dma: number): PhysAddr | -1 {
    if (dev.rangeMap === null) return dma as PhysAddr;
    const phys = dev.rangeMap.physOf(dma);
    return phys < 0 && this.#platform.memory.kindAt(dma) === "mmio" ? dma as PhysAddr : phys;
  }

  /**
   * `translate` for a device without translation; short enough to be inlined.
   * @internal
   */
  passThrough(dev: DmaDevice, dma: number, access: DeviceAccess): PhysAddr | -1 {
    const phys = this.#throughBus(dev, dma);
    return phys < 0 ? this.fault(dev, dma, access, "unreachable") : phys;
  }

  /**
   * Translates one access of a device, which must not cross a granule. The translation comes from
   * the IOTLB, where the entry may be stale, or from a walk of the page table.
   *
   * @returns The physical address, or -1 after `iommu.fault`.
   * @see rules/dma.md 5.2, 5.3
   * @internal
   */
  translate(dev: DmaDevice, dma: number, access: DeviceAccess): PhysAddr | -1 {
    const { domain } = dev;
    if (domain === null) return this.passThrough(dev, dma, access);
    const { table } = domain;
    if (dma < 0 || dma > table.lastAddress) {
      return this.fault(dev, dma, access, this.tooWide(dev, realHigh(Math.floor(dma / 2 ** 32))));
    }
    if (this.#msiWindow && dma >= PC_MSI_START && dma < PC_MSI_END) {
      return this.fault(dev, dma, access, "reserved");
    }
    if (domain.hostMappings !== null) {
      return this.#translateByHost(dev, domain.hostMappings, dma, access);
    }
    if (dev.deviceTlb !== null) {
      const phys = this.#translateInDevice(dev, dev.deviceTlb, domain, dma, access);
      if (phys >= 0) return phys as PhysAddr;
    }
    let phys: number;
    let flags: number;
    let hit: EventFields<"iommu.translate">["hit"] = "iotlb";
    const entry = this.iotlb.lookup(domain.id, dma);
    if (entry >= 0) {
      phys = this.iotlb.physOf(entry, dma);
      flags = this.iotlb.flagsOf(entry);
      // Leaves were cleared without an invalidation since the entry was last known to agree with
      // the table, so the entry may be stale.
      if (flags !== 0 && this.iotlb.generationOf(entry) !== domain.generation) {
        if (table.walk(dma) && table.walkPhys === phys && table.walkFlags === flags) {
          this.iotlb.confirm(entry, domain.generation);
        } else hit = "stale";
      }
    } else if (table.walk(dma)) {
      hit = "walk";
      phys = table.walkPhys;
      flags = table.walkFlags;
      this.iotlb.insert(domain.id, dma, phys, table.walkSizeBytes, flags, domain.generation);
    } else {
      phys = -1;
      flags = 0;
      // In caching mode the IOTLB caches the not-present entry until it is invalidated.
      if (domain.cachingMode) {
        this.iotlb.insert(domain.id, dma, 0, domain.granuleBytes, 0, domain.generation);
      }
    }
    if (dev.deviceTlb !== null) {
      const sizeBytes = this.#answerSizeBytes(domain, flags, hit === "walk" ? -1 : entry);
      this.#answerRequest(dev.deviceTlb, domain, { dma, phys, sizeBytes, flags });
    }
    if ((flags & (access === "read" ? READABLE : WRITABLE)) === 0) {
      const reason = flags === 0
        ? "not_present"
        : access === "read"
        ? "not_readable"
        : "not_writable";
      // A cached not-present entry decided; the table may contain a mapping by now.
      if (flags === 0 && entry >= 0) this.#platform.checker?.accesses.hidden(dev, dma, access);
      return this.fault(dev, dma, access, reason);
    }
    const { events } = this.#platform;
    if (events.tick(IOMMU_TRANSLATE)) {
      events.emit(IOMMU_TRANSLATE, { dma: dma as DmaAddr, phys: phys as PhysAddr, access, hit });
    }
    if (hit === "stale") {
      this.staleAccesses++;
      this.#reportStale(dev, domain, dma, access, "iotlb");
    }
    return phys as PhysAddr;
  }

  /**
   * Translates an access by the host's mappings: nothing is cached. The host may not have handled the
   * driver's requests yet.
   * @returns The physical address, or -1 after `iommu.fault`.
   * @see rules/dma.md 5.5
   */
  #translateByHost(
    dev: DmaDevice,
    mappings: HostMappings,
    dma: number,
    access: DeviceAccess,
  ): PhysAddr | -1 {
    const { checker, events } = this.#platform;
    const isMapped = mappings.walkHost(dma);
    const { walkFlags: flags, walkPhys: phys } = mappings;
    if (!isMapped || (flags & (access === "read" ? READABLE : WRITABLE)) === 0) {
      if (!isMapped && mappings.walk(dma)) checker?.accesses.hidden(dev, dma, access);
      const reason = !isMapped
        ? "not_present"
        : access === "read"
        ? "not_readable"
        : "not_writable";
      return this.fault(dev, dma, access, reason);
    }
    const isStale = mappings.isStale(dma);
    if (events.tick(IOMMU_TRANSLATE)) {
      events.emit(IOMMU_TRANSLATE, {
        dma: dma as DmaAddr,
        phys: phys as PhysAddr,
        access,
        hit: isStale ? "stale" : "walk",
      });
    }
    if (isStale) {
      this.staleAccesses++;
      this.#reportStale(dev, dev.domain!, dma, access, "host");
    }
    return phys as PhysAddr;
  }

  /**
   * Translates an access from the device's own cache. The device sends such a request as already
   * translated, so the IOMMU does no lookup.
   * @returns The physical address, or -1 if the device has to send a translation request.
   * @see rules/dma.md 5.4
   */
  #translateInDevice(
    dev: DmaDevice,
    tlb: DeviceTlb,
    domain: IommuDomain,
    dma: number,
    access: DeviceAccess,
  ): PhysAddr | -1 {
    const { clock, events } = this.#platform;
    tlb.settle(clock.nowNs);
    const entry = tlb.entries.lookup(domain.id, dma);
    if (entry < 0) return -1;
    const flags = tlb.entries.flagsOf(entry);
    if ((flags & (access === "read" ? READABLE : WRITABLE)) === 0) return -1;
    const phys = tlb.entries.physOf(entry, dma);
    const { table } = domain;
    const isStale = !table.walk(dma) || table.walkPhys !== phys || table.walkFlags !== flags;
    if (events.tick(IOMMU_TRANSLATE)) {
      events.emit(IOMMU_TRANSLATE, {
        dma: dma as DmaAddr,
        phys: phys as PhysAddr,
        access,
        hit: isStale ? "stale_device_tlb" : "device_tlb",
      });
    }
    if (isStale) {
      this.staleAccesses++;
      this.#reportStale(dev, domain, dma, access, "device_tlb");
    }
    return phys as PhysAddr;
  }

  /**
   * The size of the page that an answer to a translation request covers.
   * @param entry The IOTLB entry that translated the request; -1 after a walk.
   */
  #answerSizeBytes(domain: IommuDomain, flags: number, entry: number): Bytes {
    if (flags === 0) return domain.granuleBytes;
    return entry < 0 ? domain.table.walkSizeBytes : this.iotlb.sizeOf(entry);
  }

  /**
   * Answers a device's translation request. The device caches the answer, even if it came from a stale
   * IOTLB entry.
   */
  #answerRequest(
    tlb: DeviceTlb,
    domain: IommuDomain,
    { dma, flags, phys, sizeBytes }: TranslationAnswer,
  ): void {
    const { events } = this.#platform;
    const permissions = flags & (READABLE | WRITABLE);
    const start = dma - dma % sizeBytes;
    if (permissions !== 0) tlb.fill(domain.id, dma, phys, sizeBytes, flags);
    if (!events.tick(DEVICE_TLB_REQUEST)) return;
    events.emit(DEVICE_TLB_REQUEST, {
      start: start as DmaAddr,
      size_bytes: sizeBytes,
      granted: permissions === 0
        ? "nothing"
        : permissions === READABLE
        ? "read"
        : permissions === WRITABLE
        ? "write"
        : "read_write",
    }, { rule: "dma.5.4", inputs: { entries: tlb.entries.entries, used: tlb.entries.used } });
  }

  /**
   * Counts an access that the IOTLB translates as before, for a caller that has cached the result
   * of `translate`.
   *
   * @param entry The number of the IOTLB entry after that `translate`.
   * @param serial The serial number of that entry at that time.
   * @returns False if the caller has to call `translate`; nothing has happened then.
   * @internal
   */
  translateAgain({ generation }: IommuDomain, entry: number, serial: number): boolean {
    const { events } = this.#platform;
    if (events.attentive || this.iotlb.generationOf(entry) !== generation) return false;
    if (!this.iotlb.findsAgain(entry, serial)) return false;
    events.tick(IOMMU_TRANSLATE);
    return true;
  }

  /**
   * Records a fault; returns -1.
   * @param injected Whether an injection made the access fail, whatever its address leads to.
   * @internal
   */
  fault(
    dev: DmaDevice,
    dma: number,
    access: DeviceAccess,
    reason: FaultReason,
    injected = false,
  ): -1 {
    const { events, clock } = this.#platform;
    if (this.faults.length < MAX_RECORDED_FAULTS) {
      this.faults.push({
        device: dev.name,
        dma: dma as DmaAddr,
        access,
        reason,
        atNs: clock.nowNs,
      });
    }
    if (events.tick(IOMMU_FAULT)) {
      const lastAddress = dev.domain?.table.lastAddress ?? null;
      events.emit(IOMMU_FAULT, { dma: dma as DmaAddr, access, reason }, {
        rule: dev.domain === null ? "dma.1.1" : "dma.1.6",
        inputs: {
          translated: dev.domain !== null,
          last_address_of_table: lastAddress,
          ...injected ? { injected } : {},
        },
      });
    }
    return -1;
  }

  /**
   * The reason of a fault at an address past the table's last address. For tables that extend the
   * top bit, the addresses at the upper end of 64 bits exist but are never mapped; the addresses
   * between the two halves are invalid. For tables of 64 bits no address is too wide.
   *
   * @param high The upper half of the address; negative for the error value, which is all ones.
   * @internal
   */
  tooWide({ domain }: DmaDevice, high: number): FaultReason {
    if (domain === null) return "address_width";
    if (domain.table.lastAddress === ADDRESS_LIMIT - 1) return "not_present";
    if (!this.#model.extendsTopBit) return "address_width";
    const lowest = 2 ** 32 - (this.#config.addressBits > 48 ? 2 ** 24 : 2 ** 15);
    return high < 0 || high >= lowest ? "not_present" : "address_width";
  }

  #reportStale(
    dev: DmaDevice,
    domain: IommuDomain,
    dma: number,
    access: DeviceAccess,
    from: StaleCache,
  ): void {
    const { checker, clock } = this.#platform;
    if (checker === null) return;
    const sentNs = dev.deviceTlb?.unansweredSinceNs(domain.id, dma) ?? -1;
    if (from === "device_tlb" && sentNs >= 0) {
      const age = `the device has not answered the invalidation sent ${
        clock.latestNs - sentNs
      } ns ago`;
      checker.accesses.stale(dev, dma, access, from, age);
      return;
    }
    if (from === "host" && domain.flushQueue === null) {
      checker.accesses.stale(dev, dma, access, from, "the host got no request to remove it");
      return;
    }
    const parkedAtNs = domain.flushQueue?.parkedAtNs(Math.floor(dma / domain.granuleBytes)) ?? -1;
    const age = parkedAtNs < 0
      ? "the page table was changed without an invalidation"
      : `unmapped ${clock.latestNs - parkedAtNs} ns ago, and the flush queue has not been ` +
        "flushed since";
    checker.accesses.stale(dev, dma, access, from, age);
  }
}

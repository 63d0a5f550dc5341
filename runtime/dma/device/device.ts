/**
 * The DMA layer's data of a device: masks, limits, and how it is connected.
 *
 * The block layer, the drivers and the bus give their devices to the mapping functions as this
 * object. The parts of an NVMe controller or a switch port are elsewhere.
 *
 * @see rules/dma.md 1.2
 */
import { ADDRESS_LIMIT, type Bytes, lastAddressOfBits, type Nanoseconds } from "../../address.ts";
import { DEFAULT_ATS_ENTRIES, DeviceTlb } from "../../iommu/device_tlb.ts";
import type { IommuDomain } from "../../iommu/domain.ts";
import type { IommuGroup } from "./iommu_group.ts";
import type { CheckedDevice } from "./checked_device.ts";
import type { MergedRanges } from "./merged_ranges.ts";
import { type DmaRange, RangeMap } from "./range_map.ts";

/** The longest segment of a list if the device's driver sets no limit. */
export const DEFAULT_SEGMENT_BYTES: Bytes = 65536;

/**
 * The types of default domain that an IOMMU's driver may ask for: IDENTITY (`passthrough`), or DMA
 * (`strict`).
 */
export type WantedMode = "passthrough" | "strict";

/** Memory that firmware uses with a device: mapped one to one wherever the device is translated. */
export interface DirectRegion {
  /** First address, both physical and for the device. */
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** The device may be assigned to a user without this mapping (relaxable). */
  readonly relaxable: boolean;
}

/**
 * The attributes that a device may be given when it is made. A missing attribute has its default
 * value.
 */
export interface DmaDeviceOptions {
  /** Width of the streaming mask in bits, 1 to 64. Default 64. */
  readonly maskBits?: number;
  /** Width of the mask for coherent memory in bits. Default: that of the streaming mask. */
  readonly coherentMaskBits?: number;
  /** Width of the bus limit in bits; 0, the default, means no limit. */
  readonly busLimitBits?: number;
  /** Number of address bits that the hardware drives, whatever its driver claims. Default 64. */
  readonly addressBits?: number;
  /** The device's accesses see the CPU's caches. Default true. */
  readonly coherent?: boolean;
  /** The device sits behind an external-facing port: always translated, strict, bounced. */
  readonly untrusted?: boolean;
  /** Address bits that a bounce buffer must keep; 0 (default) or a power of two minus one. */
  readonly minAlignMask?: number;
  /** Longest segment of a list. Default 65536. */
  readonly maxSegmentSizeBytes?: Bytes;
  /** A segment of a list may not cross a multiple of `segmentBoundaryMask + 1`. Default 2^32 - 1. */
  readonly segmentBoundaryMask?: number;
  /** Bus addresses of memory, when they differ from its physical addresses. */
  readonly ranges?: readonly DmaRange[];
  /**
   * The default domain type that the IOMMU driver requests for this device because of a quirk. It
   * sets the mode of the device's group.
   */
  readonly wantedMode?: WantedMode;
  /** Memory that firmware uses with the device (RMRR, IVMD, RMR). Default none. */
  readonly directRegions?: readonly DirectRegion[];
  /** The device caches translations itself (ATS), and must be sent invalidations. Default false. */
  readonly ats?: boolean;
  /** Number of translations in the device's ATS cache. Default 64. */
  readonly atsEntries?: number;
  /** Time that the device takes to answer an invalidation; null for never. Default 0. */
  readonly atsAnswersNs?: Nanoseconds | null;
  /** Mapping calls for the device go to its own dma_map_ops. */
  readonly ownOps?: boolean;
  /** Whether IOVAs below 4 GiB are allocated first. Default true, as for PCI without force-DAC. */
  readonly prefer32Bit?: boolean;
}

/** A device behind an IOMMU. */
export type TranslatedDevice = DmaDevice & { readonly domain: IommuDomain };

/** Whether a device's addresses are translated. */
export function isTranslated(dev: DmaDevice): dev is TranslatedDevice {
  return dev.domain !== null;
}

/** A device as the mapping functions know it: masks, limits, how it is connected. */
export class DmaDevice {
  /** Its name. */
  readonly name: string;
  /** The device's accesses see the caches of the CPU. */
  readonly coherent: boolean;
  /** The device sits behind an external-facing port: always translated, strict, bounced. */
  readonly untrusted: boolean;
  /**
   * Number of address bits that the hardware drives: the higher bits of an address never reach the
   * bus. No mask that a driver sets changes this number, and the kernel does not know it.
   */
  readonly addressBits: number;
  /**
   * The device's own translation cache; null without ATS.
   * @internal
   */
  readonly deviceTlb: DeviceTlb | null;
  /** Memory that firmware uses with the device: mapped one to one wherever the device is translated. */
  readonly directRegions: readonly DirectRegion[];
  /**
   * Mapping calls for the device go to the device's own dma_map_ops. Such a device is never
   * translated or bounced, and does not support peer memory.
   * @see rules/dma.md 1.3, 1.4 row 7; p2p.md 9.6
   */
  readonly ownOps: boolean;
  /**
   * Bus addresses of memory; null when they are its physical addresses.
   * @internal
   */
  readonly rangeMap: RangeMap | null;
  /** Address bits that a bounce buffer must keep: 0 or a power of two minus one. */
  minAlignMask: number;
  /** Longest segment of a list. */
  maxSegmentSizeBytes: Bytes;
  /** A segment of a list may not cross a multiple of `segmentBoundaryMask + 1`. */
  segmentBoundaryMask: number;
  /**
   * True if sync calls have nothing to do. Set together with the mask when the device is coherent;
   * cleared by the device's first bounce.
   * @see rules/dma.md 1.7
   * @internal
   */
  skipSync: boolean;
  /** Whether 32-bit IOVAs are tried first; becomes false at the first failure (4.2). */
  prefer32Bit: boolean;
  /** The IOMMU driver's request for this device; null where the settings decide. */
  readonly wantedMode: WantedMode | null;
  /**
   * The IOMMU group: devices that share a translation; null before the device is attached.
   * @internal
   */
  group: IommuGroup | null = null;
  /**
   * The translation the device goes through; null without an IOMMU and for passthrough.
   * @internal
   */
  domain: IommuDomain | null = null;
  /**
   * Separate ranges that the device sees joined; null without any.
   * @internal
   */
  merged: MergedRanges | null = null;
  /**
   * The device's place in the PCI tree; only `devices/pci` knows the type of this value.
   * @internal
   */
  peer: unknown = null;
  /**
   * The host bridge above the device, by name; null where it is not configured.
   * @internal
   */
  hostBridge: string | null = null;
  /**
   * Why every access of the device is refused, or null. `device_gone`: the device was pulled or its
   * bus mastering is off. `context_absent`: its context entry was cleared when another function
   * with the same requester ID was removed.
   */
  refusal: "device_gone" | "context_absent" | null = null;
  /**
   * Whether the driver has switched bus mastering on. Null if the driver never set it: the device can then do
   * DMA.
   * @internal
   */
  busMaster: boolean | null = null;
  /**
   * A driver of the kernel is bound to the device.
   * @internal
   */
  hasDriver = false;
  /**
   * The requester ID by which the IOMMU identifies the device: bus, device and function in 16 bits.
   * All devices behind a bridge to conventional PCI share one ID. Null for a device on no PCI bus.
   * @internal
   */
  requesterId: number | null = null;
  /**
   * Number of live mappings: single mappings, lists and ranges, each counted once. Coherent memory
   * does not count. A request's mappings count even if they need no unmap, until the driver has
   * finished with the request.
   */
  mappings = 0;
  /**
   * The checker's data of the device; only the checker reads it.
   * @internal
   */
  checked: CheckedDevice | null = null;

  readonly #prefers32Bit: boolean;
  #maskBits: number;
  #coherentMaskBits: number;
  #busLimitBits: number;
  #lastStreaming = 0;
  #lastCoherent = 0;

  /** @internal */
  constructor(name: string, options: DmaDeviceOptions = {}) {
    this.name = name;
    this.#maskBits = options.maskBits ?? 64;
    this.#coherentMaskBits = options.coherentMaskBits ?? this.#maskBits;
    this.#busLimitBits = options.busLimitBits ?? 0;
    this.coherent = options.coherent ?? true;
    this.untrusted = options.untrusted ?? false;
    this.addressBits = options.addressBits ?? 64;
    const { ats = false, atsAnswersNs = 0, atsEntries = DEFAULT_ATS_ENTRIES } = options;
    this.deviceTlb = ats ? new DeviceTlb(atsEntries, atsAnswersNs) : null;
    this.directRegions = options.directRegions ?? [];
    this.ownOps = options.ownOps ?? false;
    this.rangeMap = options.ranges === undefined ? null : new RangeMap(options.ranges);
    this.minAlignMask = options.minAlignMask ?? 0;
    this.maxSegmentSizeBytes = options.maxSegmentSizeBytes ?? DEFAULT_SEGMENT_BYTES;
    this.segmentBoundaryMask = options.segmentBoundaryMask ?? 2 ** 32 - 1;
    this.#prefers32Bit = this.prefer32Bit = options.prefer32Bit ?? true;
    this.wantedMode = options.wantedMode ?? null;
    this.skipSync = this.syncsNothing;
    this.#refresh();
  }

  /**
   * The value of `skipSync` after the mask is set. It is false for a device with its own
   * dma_map_ops, because those may have work at each sync.
   * @internal
   */
  get syncsNothing(): boolean {
    return this.coherent && !this.ownOps;
  }

  /**
   * Called when a domain is set up for the device's group: from then on, unless `forcedac` is set,
   * IOVAs below 4 GiB are tried first again (4.2).
   * @internal
   */
  setUp32Bit(forcedac: boolean): void {
    this.prefer32Bit = this.#prefers32Bit && !forcedac;
  }

  /** Width of the streaming mask in bits. */
  get maskBits(): number {
    return this.#maskBits;
  }

  set maskBits(bits: number) {
    this.#maskBits = bits;
    this.#refresh();
  }

  /** Width of the coherent mask in bits. */
  get coherentMaskBits(): number {
    return this.#coherentMaskBits;
  }

  set coherentMaskBits(bits: number) {
    this.#coherentMaskBits = bits;
    this.#refresh();
  }

  /** Width of the bus limit in bits; 0 is none. */
  get busLimitBits(): number {
    return this.#busLimitBits;
  }

  set busLimitBits(bits: number) {
    this.#busLimitBits = bits;
    this.#refresh();
  }

  /** The last address a streaming mapping may have: the smaller of mask and bus limit. */
  get lastAddress(): number {
    return this.#lastStreaming;
  }

  /** The last address coherent memory may have: the smaller of coherent mask and bus limit. */
  get lastCoherentAddress(): number {
    return this.#lastCoherent;
  }

  #refresh(): void {
    const bus = this.#busLimitBits === 0
      ? ADDRESS_LIMIT - 1
      : lastAddressOfBits(this.#busLimitBits);
    this.#lastStreaming = Math.min(lastAddressOfBits(this.#maskBits), bus);
    this.#lastCoherent = Math.min(lastAddressOfBits(this.#coherentMaskBits), bus);
  }
}

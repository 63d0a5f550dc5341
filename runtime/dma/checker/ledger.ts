/**
 * The data that all checks share: the records, the devices of the records, and the reporting of findings.
 *
 * The ledger belongs to the checker alone. It never reads the mapping layer's state, and the mapping layer
 * does not depend on it, so the two can be compared. The leak report uses the ledger's records and the rows of
 * a recording (`runtime/leaks/test_leaks.ts`).
 */
import { type Bytes, hexAddress, type PhysAddr } from "../../address.ts";
import { invariant } from "../../errno.ts";
import { eventId } from "../../event_vocabulary.ts";
import { IntervalSet } from "../../memory/interval_set.ts";
import type { Platform } from "../../platform.ts";
import { DMA_ATTR, DMA_TO_DEVICE } from "../attributes.ts";
import type { DmaDevice } from "../device/device.ts";
import { CheckedDevice } from "../device/checked_device.ts";
import { BounceChecks } from "./bounce_checks.ts";
import { CacheLineRecords, SharedLines } from "./cache_lines.ts";
import type { Kernel } from "../../kernels/kernels.ts";
import { bytes, describeRecord } from "./describe.ts";
import { MADE, type MadeBy, NONE, RecordTable } from "./record_table.ts";
import { REPORT_CLASSES, type ReportClass, type ReportClassEntry } from "./report_classes.ts";
import { zeros } from "../../zeros.ts";

/** Two mappings may share a cache line when both have one of these attributes (row 15). */
const SHARING_ATTRS = DMA_ATTR.DEBUGGING_IGNORE_CACHELINES | DMA_ATTR.REQUIRE_COHERENT;
const DMA_REPORT = eventId("dma.report");

/** Bits of the calls that map one buffer. */
export const SINGLES = 1 << MADE.PHYS | 1 << MADE.PAGE | 1 << MADE.SINGLE | 1 << MADE.RESOURCE;

/** How many findings a kernel prints by default. @see rules/dma.md 8.1 (num_errors) */
const PRINTED_ERRORS = 1;
/** More mappings than this on one cache line cause a warning. @see rules/dma.md 8.2, row 16 */
const MAX_PER_CACHE_LINE = 7;
const DEVICE_LIMIT = 2 ** 16;

/**
 * Memory that no driver may map. Each kind has two report classes: one for a map of such memory,
 * one for a link.
 */
const FORBIDDEN = {
  stack: { mapped: "map_stack", linked: "link_stack", what: "Kernel stack memory", with: "" },
  text: { mapped: "map_text", linked: "link_text", what: "Kernel text or rodata", with: "" },
  mmio: {
    mapped: "mmio_is_ram",
    linked: "link_mmio_is_ram",
    what: "RAM",
    with: " with DMA_ATTR_MMIO",
  },
} as const;
export type Forbidden = (typeof FORBIDDEN)[keyof typeof FORBIDDEN];

/** The platform, and which memory belongs to PCI peers; `peers` is null on a machine without peers. */
export interface CheckedPlatform extends Platform {
  readonly peers: {
    isPeerMemory(phys: PhysAddr): boolean;
    unmappedEnd(client: DmaDevice, dma: number): number;
  } | null;
}

export class MappingRecords {
  readonly platform: CheckedPlatform;
  readonly table = new RecordTable(() => this.#forgetExcused());
  readonly ended = new EndedMappings();
  readonly bounces: BounceChecks;
  readonly kernel: Kernel;
  /** The value of the kernel's own counter of errors. @see rules/dma.md 8.1 (error_count) */
  errorCount = 0;

  /** Whether the machine's kernel aligns its allocations to cache lines. */
  readonly #alignsToLines: boolean;
  readonly #devices: CheckedDevice[] = [];
  #lines: CacheLineRecords | null = null;
  #shared: SharedLines | null = null;
  #saidMany = false;
  #printed = 0;

  constructor(platform: CheckedPlatform) {
    this.platform = platform;
    this.kernel = platform.kernel;
    this.#alignsToLines = platform.iommuModel.alignsToCacheLines;
    this.bounces = new BounceChecks(this);
  }

  deviceOf(dev: DmaDevice): CheckedDevice {
    const { checked } = dev;
    if (checked !== null && checked.ledger === this) return checked;
    invariant(this.#devices.length < DEVICE_LIMIT, "There are too many devices to check");
    const added = new CheckedDevice(this, dev, this.#devices.length);
    this.#devices.push(added);
    dev.checked = added;
    return added;
  }

  deviceNumbered(number: number): CheckedDevice {
    return this.#devices[number]!;
  }

  /** Records a mapping. @see RecordTable.add */
  add(
    device: CheckedDevice,
    made: MadeBy,
    dma: number,
    sizeBytes: Bytes,
    spanBytes: Bytes = sizeBytes,
  ): number {
    const { site } = this.platform.events.context;
    return this.table.add(device.number, made, dma, sizeBytes, site, spanBytes);
  }

  /** Removes a record: the mapping has ended. */
  end(record: number): void {
    this.ended.add(this.table, record);
    this.#forget(record);
  }

  /** Whether a mapping needs no unmap, because dma_need_unmap() returned false after the map. */
  isExcused(record: number): boolean {
    const { table } = this;
    return table.isOf(record, SINGLES) &&
      table.serial[record]! <= this.#devices[table.device[record]!]!.excusedSerial;
  }

  /**
   * Counts and reports a finding.
   *
   * @param text The action and the mistake in it, as a sentence without a final period.
   * @param firstSite The statement that made the mapping.
   * @param differs Where this report differs from its class: its rule, or what a kernel sees.
   */
  report(
    reportClass: ReportClass,
    text: string,
    firstSite: number | null,
    differs: Partial<Omit<ReportClassEntry, "doc" | "found">> = {},
  ): void {
    const { events, config, warnings } = this.platform;
    const entry: ReportClassEntry = REPORT_CLASSES[reportClass];
    const { beyondKernel, counted, log, rule } = { ...entry, ...differs };
    if (counted) this.errorCount++;
    if (events.tick(DMA_REPORT)) {
      events.emit(DMA_REPORT, {
        class: reportClass,
        rule,
        text,
        first_site: firstSite,
        second_site: events.context.site,
        beyond_kernel: beyondKernel,
        log,
      });
    }
    if (config.dmaDebug && counted && this.#printed < PRINTED_ERRORS) {
      this.#printed++;
      warnings.warn("dma_debug", text, log);
    }
  }

  /**
   * Checks whether the memory of a new mapping shares a cache line with another mapping. The
   * kernel's rule, which has exemptions, is tried first. If it finds nothing, every shared line on
   * which data can be lost counts.
   *
   * @param sizeBytes Length of the contiguous memory at the mapping's beginning.
   * @returns Whether a shared line was reported.
   */
  checkCacheLine(dev: DmaDevice, record: number, sizeBytes: Bytes): boolean {
    const isReported = this.#checkFirstLine(dev, record);
    const isMmio = (this.table.attrs(record) & DMA_ATTR.MMIO) !== 0;
    if (dev.coherent || sizeBytes === 0 || isMmio || this.isBounced(dev, record)) return isReported;
    const phys = this.table.phys[record]!;
    const shared = this.#shared ??= new SharedLines();
    const other = shared.find(phys, sizeBytes, (other) => this.#endangers(record, other));
    shared.add(record, phys, sizeBytes);
    if (other === NONE || isReported) return isReported;
    this.report(
      "cacheline_shared",
      `Device "${dev.name}": ${this.describe(record)} shares cache lines with ` +
        `${this.describe(other)}, and no kernel reports it: what a device writes may be lost ` +
        "when a line is written back or invalidated for the other mapping",
      this.table.site(other),
    );
    return true;
  }

  /**
   * Enters coherent memory in the index of cache lines: a mapping that begins in the first cache line of that
   * memory overlaps it.
   * @see rules/dma.md 8.2 row 15
   */
  addCoherentLine(dev: DmaDevice, record: number): void {
    if (!this.#countsCacheLines(dev)) return;
    this.#lines ??= new CacheLineRecords(this.table);
    this.#lines.add(record);
  }

  /**
   * Checks that memory mapped as RAM is RAM, and was not freed.
   * @param outside False if another check reports memory outside RAM.
   * @see rules/dma.md 1.6, 8.4
   */
  checkMemory(dev: DmaDevice, phys: number, sizeBytes: Bytes, outside = true): void {
    const { memory, pages, peers } = this.platform;
    if (
      outside && memory.kindAt(phys) !== "ram" && peers?.isPeerMemory(phys as PhysAddr) !== true
    ) {
      this.report(
        "map_outside_ram",
        `${bytes(sizeBytes)} at physical ${hexAddress(phys)} mapped for device "${dev.name}" ` +
          "without DMA_ATTR_MMIO: there is no RAM",
        null,
      );
      return;
    }
    const first = pages.firstFreed(phys, sizeBytes);
    if (first < 0) return;
    this.report(
      "map_freed",
      `${bytes(sizeBytes)} at physical ${hexAddress(phys)} mapped for device "${dev.name}" after ` +
        `the page at ${hexAddress(first)} was freed: the device can access whatever is allocated ` +
        "there next",
      null,
    );
  }

  /**
   * The kind of a buffer that no driver may map; null for any other buffer.
   * @see rules/dma.md 8.2 rows 10, 11, 14
   */
  forbidden(phys: PhysAddr, sizeBytes: Bytes, attrs: number): Forbidden | null {
    const { areas, memory, peers } = this.platform;
    if ((attrs & DMA_ATTR.MMIO) !== 0) {
      const isRam = memory.kindAt(phys) === "ram" && peers?.isPeerMemory(phys) !== true;
      return isRam ? FORBIDDEN.mmio : null;
    }
    const area = areas.regionAt(phys, sizeBytes);
    return area === "stack" || area === "text" ? FORBIDDEN[area] : null;
  }

  /**
   * Whether two mappings that share a cache line can lose data. They can if a device writes through
   * at least one of them.
   */
  #endangers(record: number, other: number): boolean {
    const { table } = this;
    if (table.dir(record) === DMA_TO_DEVICE && table.dir(other) === DMA_TO_DEVICE) return false;
    return !this.isExcused(other) && !this.#mayShare(record, other);
  }

  /** Whether both mappings have an attribute that says the CPU does not dirty their lines. */
  #mayShare(record: number, other: number): boolean {
    const { kernel, table } = this;
    const sharingAttrs = kernel.debug_by_page ? 0 : SHARING_ATTRS;
    return (table.attrs(record) & sharingAttrs) !== 0 && (table.attrs(other) & sharingAttrs) !== 0;
  }

  /** Whether the mapping is bounced. */
  isBounced(dev: DmaDevice, record: number): boolean {
    const { table, platform: { swiotlb } } = this;
    const dma = table.dma[record]!;
    if (dev.domain === null) return swiotlb.contains(dma);
    return dev.domain.table.walk(dma) && swiotlb.contains(dev.domain.table.walkPhys);
  }

  /**
   * Checks whether the memory of a mapping begins in the same cache line as that of another
   * mapping.
   * @returns Whether such a mapping was reported.
   * @see rules/dma.md 8.2, rows 15 and 16
   */
  #checkFirstLine(dev: DmaDevice, record: number): boolean {
    const { table } = this;
    if (table.dir(record) === DMA_TO_DEVICE || !this.#countsCacheLines(dev)) return false;
    const lines = this.#lines ??= new CacheLineRecords(table);
    lines.add(record);
    if ((table.attrs(record) & DMA_ATTR.SKIP_CPU_SYNC) !== 0) return false;
    let others = 0;
    let first: number = NONE;
    for (
      let other = lines.nextBeside(record, NONE);
      other !== NONE;
      other = lines.nextBeside(record, other)
    ) {
      if (this.isExcused(other)) continue;
      others++;
      if (first === NONE && !this.#mayShare(record, other)) first = other;
    }
    // Any number of mappings may share a line if all of them have a sharing attribute.
    if (first === NONE) return false;
    this.report(
      "cacheline_overlap",
      `Device "${dev.name}": ${this.describe(record)} shares a cache line with ` +
        `${this.describe(first)}: data that the device writes may be lost when the line is ` +
        "written back",
      table.site(first),
    );
    if (others > MAX_PER_CACHE_LINE && !this.#saidMany) {
      this.#saidMany = true;
      const text = `Device "${dev.name}": ${this.describe(record)} shares a cache line with ` +
        `${others} other mappings: the kernel counts no further`;
      this.report("cacheline_overlap_many", text, table.site(first));
      if (this.platform.config.dmaDebug) this.platform.warnings.warnOnce("cacheline_overlap", text);
    }
    return true;
  }

  /** A mapping in words: `the mapping of 4096 bytes at 0xffff_f000 (physical 0x10_0000, …)`. */
  describe(record: number): string {
    return `the ${describeRecord(this.table, record)}`;
  }

  /**
   * Whether mappings of a device are compared by cache line. A kernel built for non-coherent
   * devices aligns its memory to cache lines, and bounces smaller buffers. The model assumes such a
   * kernel if the machine has a non-coherent device, or an IOMMU of the kind that such machines
   * have.
   */
  #countsCacheLines(dev: DmaDevice): boolean {
    const { swiotlb } = this.platform;
    const alignsToLines = !dev.coherent || this.#alignsToLines;
    return alignsToLines ? !swiotlb.active : this.kernel.debug_by_page;
  }

  #forget(record: number): void {
    this.bounces.forget(record);
    this.#lines?.remove(record);
    this.#shared?.remove(record, this.table.phys[record]!);
    this.table.remove(record);
  }

  /** Forgets mappings that need no unmap; returns how many. */
  #forgetExcused(): number {
    if (!this.#devices.some(({ excusedSerial }) => excusedSerial > 0)) return 0;
    let count = 0;
    this.table.each((record) => {
      if (!this.isExcused(record)) return;
      const device = this.#devices[this.table.device[record]!]!;
      device.forgotten ??= new IntervalSet();
      device.forgotten.add(this.table.dma[record]!, this.table.end(record));
      this.#forget(record);
      count++;
    });
    return count;
  }
}

/** How many mappings that ended are remembered; a power of two. */
const KEPT_ENDED = 64;

interface EndedMapping {
  readonly dma: number;
  readonly sizeBytes: number;
  /** The statement that made the mapping. */
  readonly site: number | null;
}

/** The mappings that ended last, so that a report about an ended one can describe it. */
class EndedMappings {
  readonly #dma = zeros(Float64Array, KEPT_ENDED);
  readonly #sizeBytes = zeros(Float64Array, KEPT_ENDED);
  readonly #device = zeros(Uint16Array, KEPT_ENDED);
  readonly #site: (number | null)[] = new Array<number | null>(KEPT_ENDED).fill(null);
  #total = 0;

  /** Copies a record that is about to be removed. */
  add(table: RecordTable, record: number): void {
    const slot = this.#total++ & (KEPT_ENDED - 1);
    this.#dma[slot] = table.dma[record]!;
    this.#sizeBytes[slot] = table.sizeBytes[record]!;
    this.#device[slot] = table.device[record]!;
    this.#site[slot] = table.site(record);
  }

  /** The most recently ended mapping of a device that contained an address, or null. */
  find(device: number, dma: number): EndedMapping | null {
    for (let back = 1; back <= Math.min(KEPT_ENDED, this.#total); back++) {
      const slot = (this.#total - back) & (KEPT_ENDED - 1);
      const start = this.#dma[slot]!;
      const sizeBytes = this.#sizeBytes[slot]!;
      if (this.#device[slot] === device && start <= dma && dma < start + sizeBytes) {
        return { dma: start, sizeBytes, site: this.#site[slot]! };
      }
    }
    return null;
  }
}

/**
 * Checks of single mappings and of shared memory. Each mapping, and each piece of shared memory,
 * has one record, from map to unmap.
 *
 * @see rules/dma.md 8.1, 8.2 rows 1 to 16
 */
import {
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  hexAddress,
  type PhysAddr,
} from "../../address.ts";
import { IntervalSet } from "../../memory/interval_set.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL, type DmaDirection } from "../attributes.ts";
import type { CoherentMemory } from "../coherent_memory.ts";
import type { DmaDevice } from "../device/device.ts";
import { bytes } from "./describe.ts";
import { checkEnd, newEnding } from "./end_check.ts";
import { type Forbidden, type MappingRecords, SINGLES } from "./ledger.ts";
import { MADE, type MadeBy, MARK, NONE } from "./record_table.ts";

const { TESTED } = MARK;
const NO_RECORD = NONE;
const OF_ONE_BUFFER = SINGLES;

export class MappingChecks {
  /** The newest single mapping, usually the mapping for which dma_mapping_error() is called next. */
  #newest: number = NO_RECORD;
  readonly #ending = newEnding(MADE.PHYS);
  /** Coherent memory that is allocated. */
  readonly #coherent = new IntervalSet();

  constructor(private readonly ledger: MappingRecords) {}

  /** A buffer was mapped, on whichever path. */
  mapped(
    made: MadeBy,
    dev: DmaDevice,
    phys: PhysAddr,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void {
    const ledger = this.ledger;
    const device = ledger.deviceOf(dev);
    const record = ledger.add(device, made, dma, sizeBytes);
    ledger.table.describe(record, phys, dir, attrs);
    this.#newest = record;
    device.hint(dma, record);
    this.checkAreas(dev, record);
    // In dma_map_single(), the kernel itself warns of memory that is no RAM, and `checkAreas` has
    // reported that. Therefore `checkMemory` reports such memory for other calls only.
    if ((attrs & DMA_ATTR.MMIO) === 0) {
      ledger.checkMemory(dev, phys, sizeBytes, made !== MADE.SINGLE);
    }
    if (sizeBytes === 0) {
      ledger.report(
        "map_empty",
        `0 bytes at physical ${hexAddress(phys)} mapped for device "${dev.name}": without an ` +
          "IOMMU that works, behind one the map fails",
        null,
      );
    }
    const isReported = ledger.checkCacheLine(dev, record, sizeBytes);
    if (made === MADE.SINGLE && !isReported) this.#checkCoherent(dev, record);
  }

  /**
   * Reports a coherent buffer that is mapped as a streaming mapping, although syncs and unmap are for
   * memory in the CPU's caches.
   */
  #checkCoherent(dev: DmaDevice, record: number): void {
    const { table } = this.ledger;
    const phys = table.phys[record]!;
    if (this.#coherent.firstIn(phys, phys + table.sizeBytes[record]!) < 0) return;
    this.#report("coherent_mapped", dev, record, "Coherent memory mapped as a streaming buffer");
  }

  /** Reports memory that a driver must not map at all. Lists are checked, too. */
  checkAreas(dev: DmaDevice, record: number): void {
    const ledger = this.ledger;
    const { table, platform: { memory } } = ledger;
    const phys = table.phys[record]! as PhysAddr;
    const made = table.madeBy(record);
    const attrs = table.attrs(record);
    if (made === MADE.SINGLE && (attrs & DMA_ATTR.MMIO) === 0 && memory.kindAt(phys) !== "ram") {
      this.#report("map_invalid", dev, record, "Address outside RAM mapped without DMA_ATTR_MMIO");
    }
    const forbidden = ledger.forbidden(phys, table.sizeBytes[record]!, attrs);
    if (forbidden === null) return;
    const { mapped, what, with: how } = forbidden;
    this.#report(mapped, dev, record, `${what} mapped${how}`);
  }

  /** The kernel refused memory that is contiguous for the CPU only. */
  refusedVmalloc(dev: DmaDevice, phys: PhysAddr, sizeBytes: Bytes): void {
    this.ledger.report(
      "map_vmalloc",
      `${bytes(sizeBytes)} of vmalloc memory (also: vmapped stack, module data) at physical ` +
        `${hexAddress(phys)} mapped as one buffer for device "${dev.name}": its pages need not ` +
        "be contiguous",
      null,
    );
  }

  /** Called when the driver calls dma_mapping_error(). */
  tested(dev: DmaDevice, dma: DmaAddr): void {
    if (dma === DMA_MAPPING_ERROR) return;
    const { table } = this.ledger;
    const { number } = this.ledger.deviceOf(dev);
    const newest = this.#newest;
    if (
      newest !== NO_RECORD && table.dma[newest] === dma && table.device[newest] === number &&
      table.isLive(newest) && table.isOf(newest, OF_ONE_BUFFER) &&
      !table.has(newest, TESTED)
    ) {
      table.mark(newest, TESTED);
      return;
    }
    // Without an IOMMU the same memory may be mapped several times at the same address, and
    // dma_mapping_error() must be called for each mapping.
    let untested: number = NO_RECORD;
    table.eachAt(number, dma, (record) => {
      if (!table.isOf(record, OF_ONE_BUFFER) || table.has(record, TESTED)) {
        return false;
      }
      if (untested === NO_RECORD || table.serial[record]! > table.serial[untested]!) {
        untested = record;
      }
      return false;
    });
    if (untested !== NO_RECORD) table.mark(untested, TESTED);
  }

  unmapping(
    made: MadeBy,
    dev: DmaDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void {
    const ending = this.#ending;
    ending.made = made;
    ending.dma = dma;
    ending.sizeBytes = sizeBytes;
    ending.dir = dir;
    ending.attrs = attrs;
    ending.phys = -1;
    checkEnd(this.ledger, this.ledger.deviceOf(dev), ending);
  }

  /** The driver called dma_need_unmap(), which returned false. */
  needsNoUnmap(dev: DmaDevice): void {
    this.ledger.deviceOf(dev).excusedSerial = this.ledger.table.lastSerial;
  }

  /**
   * Called when the driver has finished with a mapping that needs no unmap, so that the driver
   * makes no unmap call. The device may no longer use the mapping.
   */
  through(dev: DmaDevice, dma: number, sizeBytes: Bytes, dir: DmaDirection): void {
    const ledger = this.ledger;
    const ending = this.#ending;
    ending.dma = dma;
    ending.sizeBytes = sizeBytes;
    ending.dir = dir;
    const { number } = ledger.deviceOf(dev);
    ending.entries = 0;
    // Without unmaps, the same memory may have been mapped several times: all these records end.
    for (;;) {
      const record = ledger.table.findPerfect(number, ending, OF_ONE_BUFFER, Infinity);
      if (record === NO_RECORD) return;
      ledger.end(record);
    }
  }

  allocated(dev: DmaDevice, memory: CoherentMemory): void {
    const ledger = this.ledger;
    const { attrs, dma, sizeBytes, pages } = memory;
    const device = ledger.deviceOf(dev);
    const record = ledger.add(device, MADE.COHERENT, dma, sizeBytes);
    ledger.table.describe(record, pages[0]!, DMA_BIDIRECTIONAL, attrs);
    ledger.table.mark(record, TESTED);
    ledger.addCoherentLine(dev, record);
    for (const page of pages) this.#coherent.add(page, page + memory.pageSizeBytes);
  }

  freeing(dev: DmaDevice, memory: CoherentMemory, freed: CoherentMemory): void {
    const ending = this.#ending;
    ending.made = MADE.COHERENT;
    ending.dma = memory.dma;
    ending.sizeBytes = memory.sizeBytes;
    ending.dir = DMA_BIDIRECTIONAL;
    ending.attrs = memory.attrs;
    ending.phys = freed.pages[0]!;
    checkEnd(this.ledger, this.ledger.deviceOf(dev), ending);
    for (const page of freed.pages) this.#coherent.delete(page, page + freed.pageSizeBytes);
  }

  #report(
    reportClass: Forbidden["mapped"] | "coherent_mapped" | "map_invalid",
    dev: DmaDevice,
    record: number,
    what: string,
  ): void {
    const { table } = this.ledger;
    const text = `${what} for device "${dev.name}": ${this.ledger.describe(record)}`;
    this.ledger.report(reportClass, text, table.site(record));
  }
}

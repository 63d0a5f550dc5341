/**
 * Checks of scatterlists. There is one record for each output, and each record also contains the
 * length of the list.
 *
 * @see rules/dma.md 8.1, 8.2 rows 6, 22 to 24
 */
import { DMA_ATTR, type DmaDirection } from "../attributes.ts";
import type { DmaDevice } from "../device/device.ts";
import type { Scatterlist } from "../scatterlist.ts";
import { hexAddress } from "../../address.ts";
import { bytes } from "./describe.ts";
import { checkEnd, newEnding } from "./end_check.ts";
import type { CheckedDevice } from "../device/checked_device.ts";
import type { MappingRecords } from "./ledger.ts";
import type { MappingChecks } from "./mapping_checks.ts";
import { MADE, MARK } from "./record_table.ts";
import type { SyncChecks } from "./sync_checks.ts";

export class ListChecks {
  readonly #ledger: MappingRecords;
  readonly #mappings: MappingChecks;
  readonly #syncs: SyncChecks;
  readonly #ending = newEnding(MADE.LIST);

  constructor(ledger: MappingRecords, mappings: MappingChecks, syncs: SyncChecks) {
    this.#ledger = ledger;
    this.#mappings = mappings;
    this.#syncs = syncs;
  }

  mapped(dev: DmaDevice, list: Scatterlist, dir: DmaDirection, attrs: number): void {
    const ledger = this.#ledger;
    const { table } = ledger;
    const device = ledger.deviceOf(dev);
    if (list.outputs > 0) this.#checkEntries(dev, list, (attrs & DMA_ATTR.MMIO) !== 0);
    let entry = 0;
    for (let index = 0; index < list.outputs; index++) {
      const dma = list.dmaAddressAt(index);
      const phys = list.outputPhysAt(index);
      const sizeBytes = list.dmaLengthAt(index);
      const record = ledger.add(device, MADE.LIST, dma, sizeBytes);
      table.describe(record, phys, dir, attrs);
      table.entries[record] = list.count;
      table.mark(record, MARK.TESTED);
      this.#mappings.checkAreas(dev, record);
      // The entries that an output joins need not be contiguous in memory.
      while (entry < list.count - 1 && list.physAt(entry) !== phys) entry++;
      const together = list.isBusAddressAt(index) ? 0 : Math.min(sizeBytes, list.lengthAt(entry));
      ledger.checkCacheLine(dev, record, together);
      this.#checkBoundary(device, record);
    }
  }

  /**
   * Checks a list that is about to be unmapped.
   * @param entries The number of entries that the driver passes.
   */
  unmapping(
    dev: DmaDevice,
    list: Scatterlist,
    entries: number,
    dir: DmaDirection,
    attrs: number,
  ): void {
    const device = this.#ledger.deviceOf(dev);
    const ending = this.#ending;
    ending.dir = dir;
    ending.attrs = attrs;
    ending.entries = entries;
    for (let index = 0; index < Math.min(entries, outputsOf(list)); index++) {
      ending.dma = list.dmaAddressAt(index);
      ending.sizeBytes = list.dmaLengthAt(index);
      checkEnd(this.#ledger, device, ending);
    }
  }

  /**
   * Checks a list that is handed to the CPU or to the device.
   * @param entries The number of entries that the driver passes.
   */
  syncing(
    dev: DmaDevice,
    list: Scatterlist,
    entries: number,
    dir: DmaDirection,
    forCpu: boolean,
  ): void {
    for (let index = 0; index < Math.min(entries, outputsOf(list)); index++) {
      const dma = list.dmaAddressAt(index);
      this.#syncs.syncing(dev, dma, list.dmaLengthAt(index), dir, forCpu, entries);
    }
  }

  #checkEntries(dev: DmaDevice, list: Scatterlist, isMmio: boolean): void {
    for (let index = 0; index < list.count; index++) {
      const lengthBytes = list.lengthAt(index);
      if (!isMmio) this.#ledger.checkMemory(dev, list.physAt(index), lengthBytes);
      if (lengthBytes <= dev.maxSegmentSizeBytes) continue;
      this.#ledger.report(
        "segment_too_long",
        `An entry of ${bytes(lengthBytes)} at physical ${hexAddress(list.physAt(index))} is ` +
          `above the max_seg_size of device "${dev.name}", ${bytes(dev.maxSegmentSizeBytes)}`,
        this.#ledger.platform.events.context.site,
      );
    }
  }

  #checkBoundary({ dev }: CheckedDevice, record: number): void {
    const ledger = this.#ledger;
    const { table } = ledger;
    const boundaryBytes = dev.segmentBoundaryMask + 1;
    const first = Math.floor(table.dma[record]! / boundaryBytes);
    const last = Math.floor((table.end(record) - 1) / boundaryBytes);
    if (first >= last) return;
    ledger.report(
      "segment_boundary",
      `Device "${dev.name}": ${ledger.describe(record)} crosses ` +
        `${hexAddress((first + 1) * boundaryBytes)}; its segment boundary is ` +
        bytes(boundaryBytes),
      table.site(record),
    );
  }
}

/**
 * Number of outputs to check. For a list that is not mapped only the first entry is checked, because
 * that entry already shows that the list is not mapped.
 */
function outputsOf(list: Scatterlist): number {
  return list.outputs === 0 ? Math.min(1, list.count) : list.outputs;
}

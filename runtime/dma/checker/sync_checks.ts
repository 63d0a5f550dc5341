/**
 * Checks of the calls that hand a mapping, or a part of it, to the CPU or to the device.
 *
 * A sync in the direction of the mapping is right both for the CPU and for the device. A driver
 * syncs a DMA_TO_DEVICE buffer for the CPU before it changes the buffer, and syncs a
 * DMA_FROM_DEVICE buffer for the device before the device reuses it.
 *
 * @see rules/dma.md 8.2 rows 17 to 22
 */
import { type Bytes, DMA_MAPPING_ERROR, type DmaAddr } from "../../address.ts";
import {
  directionWord,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  type DmaDirection,
} from "../attributes.ts";
import type { DmaDevice } from "../device/device.ts";
import { bytes, bytesAt } from "./describe.ts";
import type { MappingRecords } from "./ledger.ts";
import { MADE, MARK, NONE } from "./record_table.ts";

const LINKED = 1 << MADE.LINK;

export class SyncChecks {
  constructor(private readonly ledger: MappingRecords) {}

  /** @param entries Number of entries of the list that is synced; 0 for a single mapping. */
  syncing(
    dev: DmaDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    forCpu: boolean,
    entries: number,
  ): void {
    const ledger = this.ledger;
    const { table } = ledger;
    const record = this.#find(dev, dma, sizeBytes, dir, entries);
    const call = `dma_sync_*_for_${forCpu ? "cpu" : "device"}() on device "${dev.name}" of ` +
      `${bytesAt(sizeBytes, dma)}`;
    if (record === NONE) {
      this.#reportUnknown(dev, dma, call);
      return;
    }
    // After a partial sync the whole mapping counts as the CPU's, because the kernel does not
    // record the owner of each part.
    if (forCpu) table.mark(record, MARK.CPU);
    else if (sizeBytes >= table.sizeBytes[record]!) table.unmark(record, MARK.CPU);
    const { swiotlb } = ledger.platform;
    if (forCpu ? dir !== DMA_TO_DEVICE : swiotlb.fillsForDevice(dir)) {
      const loses = forCpu ? "dma_sync_*_for_cpu()" : null;
      ledger.bounces.copied(record, dma - table.dma[record]!, sizeBytes, loses);
    }
    const site = table.site(record);
    const what = `${call}, in ${ledger.describe(record)}`;
    if (dma + sizeBytes > table.end(record)) {
      const beyond = dma + sizeBytes - table.end(record);
      const text = `${what}: ${bytes(beyond)} past its end`;
      ledger.report("sync_size", text, site);
    }
    const mappedDir = table.dir(record);
    if (mappedDir !== DMA_BIDIRECTIONAL && mappedDir !== dir) {
      const said = directionWord(dir);
      ledger.report("sync_direction", `${what}: direction mismatch, ${said} passed`, site);
      if (forCpu && mappedDir === DMA_TO_DEVICE) {
        const text = `${what}: no effect, the device only reads a to_device mapping`;
        ledger.report("sync_for_cpu_read_only", text, site);
      } else if (!forCpu && mappedDir === DMA_FROM_DEVICE) {
        const text = `${what}: no effect, the device only writes a from_device mapping`;
        ledger.report("sync_for_device_write_only", text, site);
      }
    }
    // The kernel checks no further for a bidirectional mapping, where any direction is right
    // (dma.md 8.2 row 22).
    if (mappedDir === DMA_BIDIRECTIONAL) return;
    if (entries !== 0 && table.entries[record] !== entries) {
      const text = `${what}: entries mismatch, ${entries} passed, ${table.entries[record]} mapped`;
      ledger.report("sync_entries", text, site);
    }
  }

  /** The record that contains an address; of several, the closest match to the synced part. */
  #find(
    dev: DmaDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    entries: number,
  ): number {
    if (dma === DMA_MAPPING_ERROR) return NONE;
    const ledger = this.ledger;
    const { table } = ledger;
    let best: number = NONE;
    let bestScore = -1;
    table.eachAround(ledger.deviceOf(dev).number, dma, (record) => {
      if (table.madeBy(record) === MADE.LINK) return false;
      let score = ledger.isExcused(record) ? 0 : 8;
      if (dma + sizeBytes <= table.end(record)) score += 4;
      if (table.dir(record) === dir) score += 2;
      if (entries === 0 || table.entries[record] === entries) score += 1;
      if (score > bestScore) {
        best = record;
        bestScore = score;
      }
      return false;
    });
    return best;
  }

  #reportUnknown(dev: DmaDevice, dma: DmaAddr, call: string): void {
    const ledger = this.ledger;
    const device = ledger.deviceOf(dev);
    if (device.forgotten !== null && dev.domain === null) return;
    const link = dma === DMA_MAPPING_ERROR
      ? NONE
      : ledger.table.findAround(device.number, dma, LINKED);
    if (link !== NONE) {
      ledger.report(
        "sync_unknown",
        `${call}, in ${ledger.describe(link)}: dma_sync_*() does not handle linked ranges`,
        ledger.table.site(link),
      );
      return;
    }
    const ended = ledger.ended.find(device.number, dma);
    const why = ended === null
      ? "nothing is mapped there"
      : `the mapping of ${bytesAt(ended.sizeBytes, ended.dma)} is already unmapped`;
    ledger.report("sync_unknown", `${call}: ${why}`, ended?.site ?? null);
  }
}

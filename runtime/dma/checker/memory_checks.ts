/**
 * Checks of whose memory is touched: lines of the CPU's caches that a device does not see, and pages
 * of a confidential guest that only its CPU can read.
 *
 * @see behaviour/dma.md 1.5, 2.1, 2.2
 */
import { alignDown, type Bytes, type PhysAddr } from "../../address.ts";
import type { DeviceAccess } from "../../iommu/iommu.ts";
import type { CacheHazard } from "../../memory/cache_hazard.ts";
import type { FreedMemoryChecks } from "../../memory/host_buffer.ts";
import type { DmaDevice } from "../device/device.ts";
import { hexAddress } from "../hex_address.ts";
import { bytes } from "./describe.ts";
import { type Ledger, SINGLES } from "./ledger.ts";
import { MADE } from "./record_table.ts";

export class MemoryChecks implements FreedMemoryChecks {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** A read was stale, or a write was lost, because caches and memory differed. */
  cachesDiffer(hazard: CacheHazard): void {
    this.#ledger.report(hazard.kind, hazardText(hazard), hazard.writtenAt);
  }

  /**
   * Pages go back to the allocator: nothing of them may be mapped.
   * @see behaviour/dma.md 1.6
   */
  freed(pages: readonly PhysAddr[], pageSizeBytes: Bytes): void {
    const ledger = this.#ledger;
    const { table } = ledger;
    if (table.count === 0 || pages.length === 0) return;
    const freed = new Set(pages);
    table.each((record) => {
      if (table.madeBy(record) === MADE.RANGE || ledger.isExcused(record)) return;
      const page = this.#firstOf(record, freed, pageSizeBytes);
      if (page < 0) return;
      ledger.report(
        "freed_while_mapped",
        `The page at ${hexAddress(page)} is freed while it is still mapped: ${
          ledger.describe(record)
        }: the device can access whatever is allocated there next`,
        table.site(record),
      );
    });
  }

  /** The first page of a set that a record maps; -1 for none. */
  #firstOf(record: number, pages: ReadonlySet<number>, pageSizeBytes: Bytes): number {
    const { table } = this.#ledger;
    const phys = table.phys[record]!;
    const sizeBytes = table.sizeBytes[record]!;
    const pageTable = this.#ledger.deviceNumbered(table.device[record]!).dev.domain?.table ?? null;
    const isOneRun = (1 << table.madeBy(record) & SINGLES) !== 0 || pageTable === null;
    for (let at = -(phys % pageSizeBytes); at < sizeBytes; at += pageSizeBytes) {
      // Links and lists put memory from anywhere side by side: the page table says which.
      const page = isOneRun
        ? phys + at
        : pageTable.walk(table.dma[record]! + Math.max(at, 0))
        ? alignDown(pageTable.walkPhys, pageSizeBytes)
        : -1;
      if (pages.has(page)) return page;
    }
    return -1;
  }

  freedTwice(phys: PhysAddr, sizeBytes: Bytes): void {
    const text = `${bytes(sizeBytes)} at ${hexAddress(phys)} freed twice`;
    this.#ledger.report("double_free", text, null);
  }

  usedAfterFree(phys: PhysAddr, sizeBytes: Bytes): void {
    const text = `CPU access to ${bytes(sizeBytes)} at ${hexAddress(phys)} after they were freed`;
    this.#ledger.report("use_after_free", text, null);
  }

  /** A device touched memory that is encrypted with a key it does not have. */
  touchesPrivate(dev: DmaDevice, phys: PhysAddr, sizeBytes: Bytes, access: DeviceAccess): void {
    const effect = access === "read"
      ? "it gets what is stored, not what the guest wrote"
      : "the guest will decrypt what was never encrypted";
    this.#ledger.report(
      "private_memory_access",
      `Device "${dev.name}" ${access}s ${bytes(sizeBytes)} of private memory at ` +
        `${hexAddress(phys)}: ${effect}`,
      null,
    );
  }
}

function hazardText({ kind, phys, lines, device }: CacheHazard): string {
  const where = `${lines} cache ${lines === 1 ? "line" : "lines"} at ${hexAddress(phys)}`;
  switch (kind) {
    case "stale_cacheline_read":
      return `CPU read of stale data from ${where}: device "${device}" wrote the memory, and the ` +
        "line was not invalidated";
    case "stale_memory_read":
      return `Device "${device}" reads stale memory under ${where}: the dirty line was not written ` +
        "back";
    case "dirty_cacheline_lost":
      return `CPU writes to ${where} discarded: the device owned the buffer, and the sync for the CPU ` +
        "invalidates";
    case "device_write_lost":
      return `Write of device "${device}" under ${where} lost: the CPU dirtied the same line (false ` +
        "sharing), and its write-back overwrote it";
  }
}

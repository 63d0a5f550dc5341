/**
 * Checks of the owner of touched memory: lines of the CPU's caches that a device does not see, and
 * pages of a confidential guest that only its CPU can read.
 *
 * @see rules/dma.md 1.5, 2.1, 2.2
 */
import { alignDown, type Bytes, PAGE_SIZE_BYTES, type PhysAddr } from "../../address.ts";
import { DMA_ATTR, DMA_TO_DEVICE } from "../attributes.ts";
import { effectOf } from "./cpu_checks.ts";
import type { DeviceAccess } from "../../iommu/iommu.ts";
import type { CacheHazard } from "../../memory/cached_page.ts";
import { IntervalSet } from "../../memory/interval_set.ts";
import type { BufferSegment, HostMemoryChecks } from "../../memory/host_buffer.ts";
import type { DmaDevice } from "../device/device.ts";
import { hexAddress } from "../hex_address.ts";
import type { CoherentMemory } from "../coherent_memory.ts";
import { bytes, bytesAt } from "./describe.ts";
import { type MappingRecords, SINGLES } from "./ledger.ts";
import { MADE, MARK } from "./record_table.ts";

/** Calls after which memory is the device's until it is synced or unmapped. */
const LENT = SINGLES & ~(1 << MADE.RESOURCE) | 1 << MADE.LIST | 1 << MADE.LINK;
const OWN_SYNCS = DMA_ATTR.MMIO | DMA_ATTR.SKIP_CPU_SYNC;
const GRANULE = PAGE_SIZE_BYTES;

export class MemoryChecks implements HostMemoryChecks {
  /** Coherent memory that was freed, and that no buffer has had since. */
  readonly #freedCoherent = new IntervalSet();

  constructor(private readonly ledger: MappingRecords) {}

  /** A read was stale, or a write was lost, because caches and memory differed. */
  cachesDiffer(hazard: CacheHazard): void {
    this.ledger.report(hazard.kind, hazardText(hazard), hazard.writtenAt);
  }

  /**
   * Pages go back to the allocator: nothing of them may be mapped.
   * @see rules/dma.md 1.6
   */
  freed(pages: readonly PhysAddr[], pageSizeBytes: Bytes): void {
    const ledger = this.ledger;
    const { table } = ledger;
    for (const page of pages) this.#freedCoherent.delete(page, page + pageSizeBytes);
    if (table.count === 0 || pages.length === 0) return;
    const freed = new IntervalSet();
    for (const page of pages) freed.add(page, page + pageSizeBytes);
    table.each((record) => {
      if (table.madeBy(record) === MADE.RANGE || ledger.isExcused(record)) return;
      const first = this.#firstOf(record, freed);
      if (first < 0) return;
      const page = alignDown(first, pageSizeBytes);
      ledger.report(
        "freed_while_mapped",
        `The page at ${hexAddress(page)} is freed while it is still mapped: ` +
          `${ledger.describe(record)}: the device can access whatever is allocated there next`,
        table.site(record),
      );
    });
  }

  /**
   * The CPU writes to memory that is the device's until a sync hands it over. Shared memory needs
   * none, and who skips syncs at the map has their place elsewhere.
   * @see rules/dma.md 1.6
   */
  written(pieces: readonly BufferSegment[]): void {
    const ledger = this.ledger;
    const { table } = ledger;
    if (table.count === 0) return;
    let memory: IntervalSet | null = null;
    table.each((record) => {
      if (!table.isOf(record, LENT)) return;
      const ownSyncs = (table.attrs(record) & OWN_SYNCS) !== 0;
      if (ownSyncs || table.has(record, MARK.CPU)) return this.#writtenInTurn(record, pieces);
      if (ledger.isExcused(record)) return;
      const first = this.#firstOf(record, memory ??= memoryOf(pieces));
      if (first < 0) return;
      ledger.report(
        "cpu_access_while_mapped",
        `CPU write at ${hexAddress(first)}, which is the device's: ` +
          `${ledger.describe(record)}, no dma_sync_*_for_cpu since: ${effectOf(true)}`,
        table.site(record),
      );
    });
  }

  /**
   * The CPU writes to its own memory, or to memory with an owner that only the driver knows: a
   * bounce buffer that the device may write will not have it.
   */
  #writtenInTurn(record: number, pieces: readonly BufferSegment[]): void {
    const ledger = this.ledger;
    const { bouncedWrites, platform, table } = ledger;
    const { dev } = ledger.deviceNumbered(table.device[record]!);
    if (table.dir(record) === DMA_TO_DEVICE || !ledger.isBounced(dev, record)) return;
    const { site } = platform.events.context;
    const start = table.phys[record]!;
    const end = start + table.sizeBytes[record]!;
    for (const { phys, sizeBytes } of pieces) {
      const from = Math.max(phys, start);
      const to = Math.min(phys + sizeBytes, end);
      if (from < to) bouncedWrites.add(record, site, from, to);
    }
  }

  /** Where memory begins that a record maps; -1 for nowhere. */
  #firstOf(record: number, memory: IntervalSet): number {
    const { table } = this.ledger;
    const phys = table.phys[record]!;
    const sizeBytes = table.sizeBytes[record]!;
    const pageTable = this.ledger.deviceNumbered(table.device[record]!).dev.domain?.table ?? null;
    const isOneRun = table.isOf(record, SINGLES) || pageTable === null;
    const runBytes = isOneRun ? sizeBytes : Math.min(sizeBytes, GRANULE - phys % GRANULE);
    const first = memory.firstIn(phys, phys + runBytes);
    if (isOneRun || first >= 0) return first;
    // Links and lists put memory from anywhere side by side: the page table says which.
    for (let at = table.dma[record]!, end = table.end(record); at < end;) {
      const isThere = pageTable.walk(at);
      const leafBytes = isThere ? pageTable.walkSizeBytes : GRANULE;
      const leafEnd = Math.min(end, at + leafBytes - at % leafBytes);
      const first = isThere
        ? memory.firstIn(pageTable.walkPhys, pageTable.walkPhys + leafEnd - at)
        : -1;
      if (first >= 0) return first;
      at = leafEnd;
    }
    return -1;
  }

  /** Coherent memory goes back to where it came from. */
  freedCoherent({ pages, pageSizeBytes }: CoherentMemory): void {
    for (const page of pages) this.#freedCoherent.add(page, page + pageSizeBytes);
  }

  /**
   * The CPU reads at an address. A scenario looks at any memory, but what was shared with a device is
   * read for what the device wrote: that it is free is a mistake.
   */
  peeked(phys: PhysAddr, sizeBytes: Bytes): void {
    const first = this.#freedCoherent.firstIn(phys, phys + sizeBytes);
    if (first < 0 || this.ledger.platform.pages.firstFreed(first, 1) < 0) return;
    this.usedAfterFree(phys, sizeBytes);
  }

  freedTwice(phys: PhysAddr, sizeBytes: Bytes): void {
    const text = `${bytesAt(sizeBytes, phys)} freed twice`;
    this.ledger.report("double_free", text, null);
  }

  usedAfterFree(phys: PhysAddr, sizeBytes: Bytes): void {
    const text = `CPU access to ${bytesAt(sizeBytes, phys)} after they were freed`;
    this.ledger.report("use_after_free", text, null);
  }

  /** A device touched memory that is encrypted with a key it does not have. */
  touchesPrivate(dev: DmaDevice, phys: PhysAddr, sizeBytes: Bytes, access: DeviceAccess): void {
    const effect = access === "read"
      ? "it gets what is stored, not what the guest wrote"
      : "the guest will decrypt what was never encrypted";
    this.ledger.report(
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

function memoryOf(pieces: readonly BufferSegment[]): IntervalSet {
  const memory = new IntervalSet();
  for (const { phys, sizeBytes } of pieces) memory.add(phys, phys + sizeBytes);
  return memory;
}

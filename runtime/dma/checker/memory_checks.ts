/**
 * Checks of memory accesses: whether the accessing side owns the memory, cache lines of the CPU
 * that a non-coherent device does not see, and pages of a confidential guest that only the guest's
 * CPU can read.
 *
 * @see rules/dma.md 1.5, 2.1, 2.2
 */
import {
  alignDown,
  type Bytes,
  hexAddress,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "../../address.ts";
import { DMA_ATTR, DMA_TO_DEVICE } from "../attributes.ts";
import { effectOf } from "./cpu_checks.ts";
import type { DeviceAccess } from "../../iommu/iommu.ts";
import type { CacheHazard } from "../../memory/cached_page.ts";
import { IntervalSet } from "../../memory/interval_set.ts";
import type { BufferSegment } from "../../memory/buffer_segments.ts";
import type { DmaDevice } from "../device/device.ts";
import type { CoherentMemory } from "../coherent_memory.ts";
import { bytes, bytesAt } from "./describe.ts";
import { type MappingRecords, SINGLES } from "./ledger.ts";
import { MADE, MARK } from "./record_table.ts";

/** Bits of the calls that make memory device-owned until it is synced or unmapped. */
const LENT = SINGLES & ~(1 << MADE.RESOURCE) | 1 << MADE.LIST | 1 << MADE.LINK;
const OWN_SYNCS = DMA_ATTR.MMIO | DMA_ATTR.SKIP_CPU_SYNC;
const GRANULE = PAGE_SIZE_BYTES;

export class MemoryChecks {
  /** Coherent memory that was freed and not allocated again since. */
  readonly #freedCoherent = new IntervalSet();

  constructor(private readonly ledger: MappingRecords) {}

  /** A read was stale, or a write was lost, because caches and memory differed. */
  cachesDiffer(hazard: CacheHazard): void {
    this.ledger.report(hazard.kind, hazardText(hazard), hazard.writtenAt);
  }

  /**
   * Called when pages are freed to the allocator: none of them may still be mapped.
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
   * Called when the CPU writes to a buffer that is not freed: reports device-owned memory that no
   * sync has handed to the CPU. Coherent memory needs no sync, and a driver that maps with
   * skip_cpu_sync maintains the caches itself. Of reads, only those that get stale data are reported,
   * because a scenario may inspect memory at any time.
   * @see rules/dma.md 1.6
   */
  written(pieces: readonly BufferSegment[]): void {
    const ledger = this.ledger;
    const { table } = ledger;
    if (table.count === 0) return;
    ledger.bounces.cpuWrites(pieces);
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
   * Called when the CPU writes memory that it owns, or memory with an owner that only the driver
   * knows. If the memory is bounced and the device may write it, the CPU's write does not reach the
   * bounce buffer. Such a write is recorded.
   */
  #writtenInTurn(record: number, pieces: readonly BufferSegment[]): void {
    const ledger = this.ledger;
    const { bounces, platform, table } = ledger;
    const { dev } = ledger.deviceNumbered(table.device[record]!);
    if (table.dir(record) === DMA_TO_DEVICE || !ledger.isBounced(dev, record)) return;
    const { site } = platform.events.context;
    const start = table.phys[record]!;
    const end = start + table.sizeBytes[record]!;
    for (const { phys, sizeBytes } of pieces) {
      const from = Math.max(phys, start);
      const to = Math.min(phys + sizeBytes, end);
      if (from < to) bounces.cpuWroteOwned(record, site, from, to);
    }
  }

  /** The first address of `memory` that a record maps; -1 if it maps none. */
  #firstOf(record: number, memory: IntervalSet): number {
    const { table } = this.ledger;
    const phys = table.phys[record]!;
    const sizeBytes = table.sizeBytes[record]!;
    const pageTable = this.ledger.deviceNumbered(table.device[record]!).dev.domain?.table ?? null;
    const isOneRun = table.isOf(record, SINGLES) || pageTable === null;
    const runBytes = isOneRun ? sizeBytes : Math.min(sizeBytes, GRANULE - phys % GRANULE);
    const first = memory.firstIn(phys, phys + runBytes);
    if (isOneRun || first >= 0) return first;
    // Links and lists join memory from anywhere, so the addresses are looked up in the page table.
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

  /** Called when the CPU reads a buffer that is not freed. */
  read(pieces: readonly BufferSegment[]): void {
    this.ledger.bounces.cpuReads(pieces);
  }

  /** Coherent memory is freed to its allocator. */
  freedCoherent({ pages, pageSizeBytes }: CoherentMemory): void {
    for (const page of pages) this.#freedCoherent.add(page, page + pageSizeBytes);
  }

  /**
   * Called when the CPU reads at an address. A scenario may read any memory. The exception is
   * coherent memory that was freed: coherent memory is read to get the device's data, so a read
   * after the free is reported as a mistake.
   */
  peeked(phys: PhysAddr, sizeBytes: Bytes): void {
    this.read([{ phys, sizeBytes }]);
    const first = this.#freedCoherent.firstIn(phys, phys + sizeBytes);
    if (first < 0 || this.ledger.platform.pages.firstFreed(first, 1) < 0) return;
    this.usedAfterFree(phys, sizeBytes);
  }

  /** Called when a buffer is freed that was freed before. */
  freedTwice(phys: PhysAddr, sizeBytes: Bytes): void {
    const text = `${bytesAt(sizeBytes, phys)} freed twice`;
    this.ledger.report("double_free", text, null);
  }

  /** Called when the CPU reads or writes a buffer that was freed. */
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

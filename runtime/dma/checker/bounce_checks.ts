/**
 * Checks of bounced buffers: what the CPU or a device writes on its side is lost, or not seen on the
 * other side, until it is copied.
 *
 * @see rules/dma.md 6.3
 */
import { type Bytes, hexAddress, PAGE_SIZE_BYTES, type PhysAddr } from "../../address.ts";
import { invariant } from "../../errno.ts";
import type { BufferSegment } from "../../memory/buffer_segments.ts";
import { IntervalSet } from "../../memory/interval_set.ts";
import { SLOT_BYTES } from "../../memory/swiotlb/swiotlb_geometry.ts";
import type { DmaDevice } from "../device/device.ts";
import { bytesAt, endingApi } from "./describe.ts";
import type { MappingRecords } from "./ledger.ts";
import { MADE } from "./record_table.ts";

/** Bits of the calls whose memory a sync or an unmap copies. */
const COPIED = 0xff & ~(1 << MADE.RANGE | 1 << MADE.COHERENT);

export class BounceChecks {
  /**
   * The CPU's writes to memory that it owned. The next copy of the bounce buffer to the memory
   * overwrites these writes.
   */
  readonly #byCpu = new WrittenBytes();
  /** Devices' writes, by addresses in bounce buffers. Until they are copied, the CPU reads old data. */
  readonly #byDevices = new WrittenBytes();

  constructor(private readonly ledger: MappingRecords) {}

  /** The CPU writes a part of a record's memory, which it owns. */
  cpuWroteOwned(record: number, site: number | null, start: number, end: number): void {
    this.#byCpu.add(record, site, start, end);
  }

  /** The CPU writes memory: what a device wrote for these bytes before is older. */
  cpuWrites(pieces: readonly BufferSegment[]): void {
    this.#eachUncopied(pieces, (record, _site, tlb, _phys, sizeBytes) => {
      this.#byDevices.take(record, tlb, tlb + sizeBytes);
    });
  }

  /** A device writes addresses of a record's mapping, which allows that. */
  deviceWrote(dev: DmaDevice, record: number, start: number, end: number): void {
    const { platform: { events, swiotlb }, table } = this.ledger;
    if (swiotlb.usedSlots === 0 || !table.isOf(record, COPIED)) return;
    const { domain } = dev;
    for (let at = start; at < end;) {
      const next = domain === null
        ? end
        : Math.min(end, at - at % PAGE_SIZE_BYTES + PAGE_SIZE_BYTES);
      const isThere = domain === null || domain.table.walk(at);
      const tlb = domain === null ? at : domain.table.walkPhys;
      if (isThere && swiotlb.originOf(tlb) !== null) {
        this.#byDevices.add(record, events.context.site, tlb, tlb + next - at);
      }
      at = next;
    }
  }

  /**
   * The CPU reads memory. If a device has written other bytes into its bounce buffer, and nothing
   * has copied them out, the CPU reads old data. A write is reported once.
   */
  cpuReads(pieces: readonly BufferSegment[]): void {
    if (this.#byDevices.isEmpty) return;
    const { ledger } = this;
    const stale: StaleRead[] = [];
    this.#eachUncopied(pieces, (record, site, tlb, phys, sizeBytes) => {
      if (this.#equal(tlb, phys, sizeBytes)) return;
      this.#byDevices.take(record, tlb, tlb + sizeBytes);
      const earlier = stale.find((each) => each.record === record && each.site === site);
      if (earlier === undefined) stale.push({ record, site, tlb, phys, sizeBytes });
      else earlier.sizeBytes += sizeBytes;
    });
    for (const { phys, record, site, sizeBytes, tlb } of stale) {
      const { dev } = ledger.deviceNumbered(ledger.table.device[record]!);
      ledger.report(
        "stale_bounce_read",
        `CPU read of stale data at ${hexAddress(phys)}: device "${dev.name}" wrote ` +
          `${bytesAt(sizeBytes, tlb)}, in the bounce buffer of ${ledger.describe(record)}; only ` +
          `dma_sync_*_for_cpu() or ${
            endingApi(ledger.table.madeBy(record))
          } copies it to the memory`,
        site,
      );
    }
  }

  /**
   * Called when data is copied between a bounce buffer and the memory of its mapping.
   * @param offset Where in the mapping the copy begins.
   * @param call If the copy overwrites the CPU's writes with the bounce buffer: the call that
   *   copies, as a sentence fragment. Null if the copy goes from the memory to the bounce buffer.
   */
  copied(record: number, offset: Bytes, sizeBytes: Bytes, call: string | null): void {
    const { ledger } = this;
    const { platform, table } = ledger;
    if (this.#byCpu.isEmpty) return;
    invariant(table.isLive(record), "A bounce buffer is copied after its mapping has ended");
    const { dev } = ledger.deviceNumbered(table.device[record]!);
    const why = platform.swiotlb.fillsForDevice(table.dir(record))
      ? "no sync has copied it there; call dma_sync_*_for_device() after the write"
      : "no sync of a from_device mapping copies it there; map it bidirectional, and call " +
        "dma_sync_*_for_device() after the write";
    const start = table.phys[record]! + offset;
    for (const met of this.#byCpu.take(record, start, start + sizeBytes)) {
      if (call === null) continue;
      ledger.report(
        "bounced_write_lost",
        `CPU write of ${bytesAt(met.sizeBytes, met.phys)} to ` +
          `${ledger.describe(record)} of device "${dev.name}" is lost: ${call} copies the bounce ` +
          `buffer over it, and ${why}`,
        met.site,
      );
    }
  }

  /** The mapping has ended. */
  forget(record: number): void {
    if (!this.#byCpu.isEmpty) this.#byCpu.forget(record);
    if (!this.#byDevices.isEmpty) this.#byDevices.forget(record);
  }

  /** Calls back with each part of `pieces` for which a device's write lies in a bounce buffer. */
  #eachUncopied(
    pieces: readonly BufferSegment[],
    visit: (
      record: number,
      site: number | null,
      tlb: number,
      phys: PhysAddr,
      sizeBytes: Bytes,
    ) => void,
  ): void {
    if (this.#byDevices.isEmpty) return;
    const { swiotlb } = this.ledger.platform;
    this.#byDevices.each((record, site, start, end) => {
      for (let tlb = start; tlb < end;) {
        // The bytes of a buffer lie side by side; buffers begin and end in whole slots.
        const next = Math.min(end, tlb - tlb % SLOT_BYTES + SLOT_BYTES);
        const origin = swiotlb.originOf(tlb);
        for (const { phys, sizeBytes } of origin === null ? [] : pieces) {
          const from = Math.max(phys, origin!);
          const to = Math.min(phys + sizeBytes, origin! + next - tlb);
          if (from < to) visit(record, site, tlb + from - origin!, from as PhysAddr, to - from);
        }
        tlb = next;
      }
    });
  }

  #equal(tlb: number, phys: PhysAddr, sizeBytes: Bytes): boolean {
    const { memory } = this.ledger.platform;
    const [bounced, own] = [new Uint8Array(sizeBytes), new Uint8Array(sizeBytes)];
    memory.read(tlb as PhysAddr, bounced, 0, sizeBytes);
    memory.read(phys, own, 0, sizeBytes);
    return bounced.every((byte, index) => byte === own[index]);
  }
}

/** Bytes that the CPU reads and a device has written elsewhere. */
interface StaleRead {
  readonly record: number;
  /** The statement in which the device wrote. */
  readonly site: number | null;
  /** The first such byte in the bounce buffer, and in the memory that the CPU reads. */
  readonly tlb: number;
  readonly phys: PhysAddr;
  sizeBytes: Bytes;
}

/** The part of one statement's writes that a copy overlaps. */
interface MetWrite {
  /** The statement that wrote. */
  readonly site: number | null;
  /** Address of the part's first byte. */
  readonly phys: number;
  readonly sizeBytes: Bytes;
}

/** Written bytes of mapped buffers, or of their bounce buffers, that no copy has transferred. */
class WrittenBytes {
  /** Addresses of bytes, by record and by the statement that wrote them last. */
  readonly #ofRecord = new Map<number, Map<number | null, IntervalSet>>();

  get isEmpty(): boolean {
    return this.#ofRecord.size === 0;
  }

  /** Notes that a statement has written for a record, from `start` to `end - 1`. */
  add(record: number, site: number | null, start: number, end: number): void {
    const bySite = this.#ofRecord.get(record) ?? new Map<number | null, IntervalSet>();
    for (const bytes of bySite.values()) bytes.delete(start, end);
    const bytes = bySite.get(site) ?? new IntervalSet();
    bytes.add(start, end);
    this.#ofRecord.set(record, bySite.set(site, bytes));
  }

  /** Removes and returns the writes from `start` to `end - 1`. */
  take(record: number, start: number, end: number): MetWrite[] {
    const met: MetWrite[] = [];
    const bySite = this.#ofRecord.get(record);
    for (const [site, bytes] of bySite ?? []) {
      const inside = bytes.intervals().filter(([from, to]) => from < end && start < to);
      const sizeBytes = inside.reduce(
        (sum, [from, to]) => sum + Math.min(to, end) - Math.max(from, start),
        0,
      );
      const phys = bytes.firstIn(start, end);
      bytes.delete(start, end);
      if (phys >= 0) met.push({ site, phys, sizeBytes });
      if (bytes.count === 0) bySite!.delete(site);
    }
    if (bySite?.size === 0) this.forget(record);
    return met;
  }

  /** Calls back with each interval; the callback may delete from the set. */
  each(
    visit: (record: number, site: number | null, start: number, end: number) => void,
  ): void {
    for (const [record, bySite] of [...this.#ofRecord]) {
      for (const [site, bytes] of [...bySite]) {
        for (const [start, end] of bytes.intervals()) visit(record, site, start, end);
      }
    }
  }

  /** The mapping has ended. */
  forget(record: number): void {
    this.#ofRecord.delete(record);
  }
}

/**
 * The checker of driver mistakes: separate records beside the mapping layer.
 *
 * It receives calls of drivers and accesses of devices, compares them with its records, and reports
 * mismatches as `dma.report`. It changes nothing and decides nothing. If the checker is off, the
 * machine has no `DmaChecker`; the mapping layer then executes only one test for null.
 *
 * @see rules/dma.md 3.6, chapter 8
 */
import type { Bytes } from "../../address.ts";
import type { DmaDevice } from "../device/device.ts";
import { AccessChecks } from "./access_checks.ts";
import { type CheckedPlatform, MappingRecords } from "./ledger.ts";
import { ContextChecks, CpuChecks } from "./cpu_checks.ts";
import { ListChecks } from "./list_checks.ts";
import { MappingChecks } from "./mapping_checks.ts";
import { RangeChecks } from "./range_checks.ts";
import { MemoryChecks } from "./memory_checks.ts";
import { PeerChecks } from "./peer_checks.ts";
import { MADE, type MadeBy, MARK } from "./record_table.ts";
import type { ReportClass } from "./report_classes.ts";
import { SyncChecks } from "./sync_checks.ts";
import { describeRecord } from "./describe.ts";

const RANGES = 1 << MADE.RANGE;
/**
 * Kinds of records that the kernel's own debugging also keeps, as bits: single mappings, outputs of
 * lists, coherent memory.
 */
const KNOWN_TO_KERNEL = 0xff & ~(RANGES | 1 << MADE.LINK);

export class DmaChecker {
  readonly mappings: MappingChecks;
  readonly lists: ListChecks;
  readonly syncs: SyncChecks;
  readonly ranges: RangeChecks;
  readonly accesses: AccessChecks;
  readonly memory: MemoryChecks;
  readonly peers: PeerChecks;
  readonly contexts: ContextChecks;
  readonly cpu: CpuChecks;
  readonly #ledger: MappingRecords;

  constructor(platform: CheckedPlatform) {
    const ledger = new MappingRecords(platform);
    this.#ledger = ledger;
    this.mappings = new MappingChecks(ledger);
    this.syncs = new SyncChecks(ledger);
    this.lists = new ListChecks(ledger, this.mappings, this.syncs);
    this.ranges = new RangeChecks(ledger);
    this.accesses = new AccessChecks(ledger);
    this.memory = new MemoryChecks(ledger);
    this.peers = new PeerChecks(ledger);
    this.contexts = new ContextChecks(ledger);
    this.cpu = new CpuChecks(ledger);
  }

  /**
   * Reports a call for which the kernel itself prints a warning.
   * @param text The action, as a sentence without a final period.
   */
  warned(reportClass: ReportClass, text: string): void {
    this.#ledger.report(reportClass, text, null);
  }

  /**
   * Reports a mistake of a class in a call for which no kernel makes the check of that class.
   * @param text The action, as a sentence without a final period.
   * @param rule The rule of the call.
   */
  unseen(reportClass: ReportClass, text: string, rule: string): void {
    const differs = { rule, beyondKernel: true, counted: false, log: null };
    this.#ledger.report(reportClass, text, null, differs);
  }

  /** The value of a kernel's own counter of errors. @see rules/dma.md 8.1 (error_count) */
  get errorCount(): number {
    return this.#ledger.errorCount;
  }

  /** Records of all devices: mappings, outputs, shared memory, ranges and links. */
  get records(): number {
    return this.#ledger.table.count;
  }

  /** Serial number of the newest record; later records have higher numbers. */
  get lastSerial(): number {
    return this.#ledger.table.lastSerial;
  }

  /**
   * The mappings and ranges that were made after a record and still have to be unmapped or
   * destroyed, oldest first.
   */
  leftSince(serial: number): readonly UnreleasedRecord[] {
    const ledger = this.#ledger;
    const { table } = ledger;
    if (table.lastSerial === serial) return [];
    const left = this.#leaks((record) =>
      table.serial[record]! > serial && !table.isOf(record, FOUND_ELSEWHERE)
    );
    return left.map((record) => {
      const { dev } = ledger.deviceNumbered(table.device[record]!);
      const isRange = table.madeBy(record) === MADE.RANGE;
      const dma = table.dma[record]!;
      const sizeBytes = table.sizeBytes[record]!;
      const inGranule = dev.domain?.offsetOf(dma) ?? 0;
      const spanBytes = dev.domain?.roundUp(inGranule + sizeBytes) ?? sizeBytes;
      const what = describeRecord(table, record);
      return {
        kind: isRange ? "range" : "mapping",
        device: dev.name,
        dma,
        start: dma - inGranule,
        end: dma - inGranule + spanBytes,
        phys: isRange ? null : table.phys[record]!,
        isBare: dev.domain === null && !ledger.isBounced(dev, record),
        site: table.site(record),
        text: isRange ? `IOVA ${what}, not freed` : `${what}, not unmapped`,
      };
    });
  }

  /** Bytes of host memory that the records occupy. */
  get heldBytes(): Bytes {
    return this.#ledger.table.heldBytes;
  }

  /**
   * Calls back for every streaming mapping and for each contiguous run of links, in no particular
   * order.
   * @param serial Serial number of a record; only later records are passed on.
   */
  forEachMapping(
    serial: number,
    visit: (device: string, dma: number, sizeBytes: Bytes) => void,
  ): void {
    const { table } = this.#ledger;
    table.each((record) => {
      const made = table.madeBy(record);
      if (made === MADE.COHERENT || made === MADE.RANGE || table.serial[record]! <= serial) return;
      const { dev } = this.#ledger.deviceNumbered(table.device[record]!);
      visit(dev.name, table.dma[record]!, table.sizeBytes[record]!);
    });
  }

  /**
   * Called when the driver is unbound from its device: reports leaked mappings and ranges, and
   * forgets them.
   * @returns How many mappings and ranges leaked.
   * @see rules/dma.md 3.6 row 12, 8.2 row 25
   */
  unbind(dev: DmaDevice): number {
    const ledger = this.#ledger;
    const { table } = ledger;
    const device = ledger.deviceOf(dev);
    const isOwn = (record: number) => table.device[record] === device.number;
    const leaks = this.#leaks(isOwn);
    const mappings = leaks.filter((record) => table.isOf(record, KNOWN_TO_KERNEL));
    const ranges = leaks.filter((record) => table.isOf(record, RANGES));
    const what = `The driver of device "${dev.name}" unbinds with `;
    const [mapping] = mappings;
    if (mapping !== undefined) {
      const count = mappings.length === 1 ? "1 live mapping" : `${mappings.length} live mappings`;
      const kinds = this.#kinds(mappings);
      ledger.report(
        "leak_at_unbind",
        `${what}${count}${kinds}; one is ${ledger.describe(mapping)}`,
        table.site(mapping),
      );
    }
    const [range] = ranges;
    if (range !== undefined) {
      const count = ranges.length === 1 ? "1 IOVA range" : `${ranges.length} IOVA ranges`;
      ledger.report(
        "iova_leak_at_unbind",
        `${what}${count} allocated, with their links; one is ` +
          ledger.describe(range),
        table.site(range),
      );
    }
    table.each((record) => {
      if (isOwn(record)) ledger.end(record);
    });
    device.forgotten = null;
    device.onBus.length = 0;
    return mappings.length + ranges.length;
  }

  /**
   * Resets the kernel's error counter. Called when the devices are up; all other counters start at
   * 0 at that time, too.
   */
  restartCounts(): void {
    this.#ledger.errorCount = 0;
  }

  /** The leaks among some records, oldest first; mappings that need no unmap are left out. */
  #leaks(isAsked: (record: number) => boolean): number[] {
    const ledger = this.#ledger;
    const { table } = ledger;
    const found: number[] = [];
    table.each((record) => {
      if (!isAsked(record) || ledger.isExcused(record) || table.has(record, MARK.LEAKED)) return;
      found.push(record);
    });
    return found.sort((a, b) => table.serial[a]! - table.serial[b]!);
  }

  /** The number of records of each kind, when there are several: ` (2 single, 1 of shared memory)`. */
  #kinds(records: readonly number[]): string {
    const { table } = this.#ledger;
    const count = (from: MadeBy, to: MadeBy, name: string): string[] => {
      const some =
        records.filter((record) => table.madeBy(record) >= from && table.madeBy(record) <= to)
          .length;
      return some === 0 ? [] : [`${some} ${name}`];
    };
    const kinds = [
      ...count(MADE.PHYS, MADE.RESOURCE, "single"),
      ...count(MADE.LIST, MADE.LIST, "of lists"),
      ...count(MADE.COHERENT, MADE.COHERENT, "of shared memory"),
    ];
    return records.length > 1 ? ` (${kinds.join(", ")})` : "";
  }
}

/** A leaked mapping or range. */
export interface UnreleasedRecord {
  readonly kind: "mapping" | "range";
  readonly device: string;
  /** First byte as the device sees it. */
  readonly dma: number;
  /**
   * The device addresses that the mapping or range occupies, `[start, end)`; whole granules where they
   * are translated.
   */
  readonly start: number;
  readonly end: number;
  /** First byte of the mapped memory; null for a range, which has no memory. */
  readonly phys: number | null;
  /** Whether the mapping is neither translated nor bounced, so that it holds no other resource. */
  readonly isBare: boolean;
  /** The statement that made the mapping or range. */
  readonly site: number | null;
  /**
   * The description of the mapping or range without its device, as a sentence without a final
   * period.
   */
  readonly text: string;
}

/**
 * Kinds of records, as bits, with leaks that are reported elsewhere. Leaks of coherent memory are
 * found from events, which distinguish the pools' memory. Links are reported together with their
 * range.
 */
const FOUND_ELSEWHERE = 1 << MADE.COHERENT | 1 << MADE.LINK;

/** Which records nobody has ended, as a look at the end of a run tells of them. */
import type { Ledger } from "./ledger.ts";
import { MADE, MARK } from "./record_table.ts";

/** A mapping or a range that is left. */
export interface LeftRecord {
  readonly kind: "mapping" | "range";
  readonly device: string;
  /** First byte as the device sees it. */
  readonly dma: number;
  /** The device's addresses that it takes, whole granules where they are translated: `[start, end)`. */
  readonly start: number;
  readonly end: number;
  /** First byte of its memory; null of a range, which has none of its own. */
  readonly phys: number | null;
  /** The statement that made it. */
  readonly site: number | null;
  /** What it is, as a sentence without a final period. */
  readonly text: string;
}

/** Shared memory is told of by events, which know what belongs to a pool; links by their range. */
const TOLD_ELSEWHERE: readonly number[] = [MADE.COHERENT, MADE.LINK];

/** The mappings and ranges with a later serial number that nothing excuses, the oldest first. */
export function leftRecords(ledger: Ledger, serial: number): LeftRecord[] {
  const { table } = ledger;
  const found: number[] = [];
  table.each((record) => {
    if (table.serial[record]! <= serial || TOLD_ELSEWHERE.includes(table.madeBy(record))) return;
    if (!ledger.isExcused(record) && !table.has(record, MARK.LEAKED)) found.push(record);
  });
  found.sort((a, b) => table.serial[a]! - table.serial[b]!);
  return found.map((record) => {
    const { dev } = ledger.deviceNumbered(table.device[record]!);
    const isRange = table.madeBy(record) === MADE.RANGE;
    const dma = table.dma[record]!;
    const sizeBytes = table.sizeBytes[record]!;
    const inGranule = dev.domain?.offsetOf(dma) ?? 0;
    const spanBytes = dev.domain?.roundUp(inGranule + sizeBytes) ?? sizeBytes;
    const what = ledger.describe(record);
    return {
      kind: isRange ? "range" : "mapping",
      device: dev.name,
      dma,
      start: dma - inGranule,
      end: dma - inGranule + spanBytes,
      phys: isRange ? null : table.phys[record]!,
      site: table.site(record),
      text: isRange
        ? `Device "${dev.name}" still has ${what}, which nobody has given back`
        : `Device "${dev.name}" still has ${what}, which nobody has ended`,
    };
  });
}

/** Mappings and ranges that are live at the end of a run, for its leak report. */
import type { MappingRecords } from "./ledger.ts";
import { describeRecord } from "./describe.ts";
import { MADE, MARK } from "./record_table.ts";

/** A leaked mapping or range. */
export interface UnreleasedRecord {
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

/** Coherent memory is found by events, which tell the pools' part apart; links go with their range. */
const FOUND_ELSEWHERE: readonly number[] = [MADE.COHERENT, MADE.LINK];

/** Live mappings and ranges with a later serial number that need an unmap or a free, oldest first. */
export function leftRecords(ledger: MappingRecords, serial: number): UnreleasedRecord[] {
  const { table } = ledger;
  const found: number[] = [];
  table.each((record) => {
    if (table.serial[record]! <= serial || FOUND_ELSEWHERE.includes(table.madeBy(record))) return;
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
    const what = describeRecord(table, record);
    return {
      kind: isRange ? "range" : "mapping",
      device: dev.name,
      dma,
      start: dma - inGranule,
      end: dma - inGranule + spanBytes,
      phys: isRange ? null : table.phys[record]!,
      site: table.site(record),
      text: isRange
        ? `Device "${dev.name}": IOVA ${what}, not freed`
        : `Device "${dev.name}": ${what}, not unmapped`,
    };
  });
}

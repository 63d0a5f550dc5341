/**
 * The checks when a call ends a mapping; they are the same for all such calls.
 *
 * @see rules/dma.md 8.1 (lookup), 8.2 rows 1 to 9
 */
import { type Bytes, DMA_MAPPING_ERROR, hexAddress, type PhysAddr } from "../../address.ts";
import {
  directionWord,
  DMA_ATTR,
  DMA_BIDIRECTIONAL,
  DMA_TO_DEVICE,
  type DmaDirection,
} from "../attributes.ts";
import { attributeText, bytes, bytesAt, endingApi } from "./describe.ts";
import type { CheckedDevice } from "../device/checked_device.ts";
import { type MappingRecords, SINGLES } from "./ledger.ts";
import type { ReportClass } from "./report_classes.ts";
import type { Kernel } from "../../kernels/kernels.ts";
import { MADE, type MadeBy, MARK, NONE, type UnmapDescription } from "./record_table.ts";

const { COHERENT, LIST } = MADE;
const { TESTED } = MARK;
const NO_RECORD = NONE;
const ERROR = DMA_MAPPING_ERROR;
const LINKED = 1 << MADE.LINK;
const ONE_BUFFER = 1 << MADE.PHYS | 1 << MADE.PAGE | 1 << MADE.SINGLE;
/** Attributes that a map and its unmap, and a link and its unlink, must agree on. */
export const AGREED_ATTRS = DMA_ATTR.NO_KERNEL_MAPPING | DMA_ATTR.FORCE_CONTIGUOUS | DMA_ATTR.MMIO |
  DMA_ATTR.REQUIRE_COHERENT | DMA_ATTR.PRIVILEGED | DMA_ATTR.CC_SHARED;

/** The driver's arguments in a call that ends a mapping. The object is reused for every call. */
export interface Ending extends UnmapDescription {
  /** The kind of call that makes the mapping that this call ends. */
  made: MadeBy;
  dma: number;
  sizeBytes: Bytes;
  dir: DmaDirection;
  attrs: number;
  entries: number;
  /** The memory that is freed, or -1 where the call does not name it. */
  phys: PhysAddr | -1;
}

export function newEnding(made: MadeBy): Ending {
  return { made, dma: 0, sizeBytes: 0, dir: DMA_BIDIRECTIONAL, attrs: 0, entries: 0, phys: -1 };
}

/**
 * The family of a mapping call, as bits `1 << MADE.…`. The unmap call that belongs to `made` may
 * end a mapping that any call of the family made. Unless the release has `debug_by_page`, all calls
 * for single buffers are one family, and MMIO is marked by an attribute instead of a separate call.
 * @see rules/dma.md 8.2, last paragraph
 */
function familyOf({ debug_by_page: byPage }: Kernel, made: MadeBy): number {
  if (byPage) return made < MADE.RESOURCE ? ONE_BUFFER : 1 << made;
  return made <= MADE.RESOURCE ? SINGLES : 1 << made;
}

/** Attributes that map and unmap must agree on (row 9). */
function agreedAttrs({ debug_by_page: byPage }: Kernel): number {
  return byPage ? 0 : AGREED_ATTRS;
}

/** Compares an unmap's arguments with the record of the mapping, and removes the record. */
export function checkEnd(ledger: MappingRecords, device: CheckedDevice, ending: Ending): void {
  const { dma, sizeBytes, dir, entries, made } = ending;
  if (dma === ERROR && made !== LIST) {
    ledger.report(
      "unmap_error_value",
      `${endingApi(ending.made)} on device "${device.dev.name}" called with DMA_MAPPING_ERROR: ` +
        "the map had failed, nothing to unmap",
      null,
    );
    return;
  }
  const family = familyOf(ledger.kernel, made);
  const { table } = ledger;
  const { excusedSerial, number } = device;
  let record = table.findPerfect(number, ending, family, excusedSerial);
  if (record === NO_RECORD) record = onlyCandidate(ledger, device, dma);
  if (record === NO_RECORD) {
    reportUnknown(ledger, device, ending);
    return;
  }
  // Fast path: in nearly every call all arguments match.
  const sameFamily = table.isOf(record, family);
  const agreed = agreedAttrs(ledger.kernel);
  const otherAttrs = ((table.attrs(record) ^ ending.attrs) & agreed) !== 0;
  if (
    !sameFamily || otherAttrs || !table.has(record, TESTED) ||
    table.sizeBytes[record] !== sizeBytes || table.dir(record) !== dir ||
    table.entries[record] !== entries || made === COHERENT
  ) compare(ledger, device, ending, record, sameFamily, otherAttrs);
  if (dir !== DMA_TO_DEVICE && (ending.attrs & DMA_ATTR.SKIP_CPU_SYNC) === 0) {
    ledger.bounces.copied(record, 0, sizeBytes, endingApi(made));
  }
  ledger.end(record);
}

/**
 * The only record that begins at an address; `NO_RECORD` when there are several records, because the
 * kernel could not choose one of them either.
 */
function onlyCandidate(ledger: MappingRecords, device: CheckedDevice, dma: number): number {
  let found: number = NO_RECORD;
  let excused: number = NO_RECORD;
  let count = 0;
  ledger.table.eachAt(device.number, dma, (record) => {
    if (ledger.table.madeBy(record) === MADE.LINK) return false;
    if (ledger.isExcused(record)) {
      if (excused === NO_RECORD) excused = record;
    } else if (++count === 1) found = record;
    return false;
  });
  if (count > 1) return NO_RECORD;
  return count === 1 ? found : excused;
}

function compare(
  ledger: MappingRecords,
  device: CheckedDevice,
  ending: Ending,
  record: number,
  sameFamily: boolean,
  otherAttrs: boolean,
): void {
  const { table } = ledger;
  const site = table.site(record);
  const mapping = ledger.describe(record);
  const api = endingApi(ending.made);
  const on = `on device "${device.dev.name}"`;
  const mismatch = (of: string, passed: string | number, mapped: string | number) =>
    `${api} ${of} mismatch ${on}: ${passed} passed, ${mapped} mapped, for ${mapping}`;
  const report = (reportClass: ReportClass, text: string) => ledger.report(reportClass, text, site);
  if (table.sizeBytes[record] !== ending.sizeBytes) {
    const text = mismatch("size", bytes(ending.sizeBytes), bytes(table.sizeBytes[record]!));
    report("unmap_size", text);
  }
  if (!sameFamily) {
    report("unmap_kind", `${api} ${on} is the wrong unmap function for ${mapping}`);
  } else if (ending.phys >= 0 && ending.phys !== table.phys[record]) {
    const passed = `physical ${hexAddress(ending.phys)}`;
    const mapped = `physical ${hexAddress(table.phys[record]!)}`;
    report("free_cpu_address", mismatch("CPU address", passed, mapped));
  }
  if (sameFamily && table.entries[record] !== ending.entries) {
    report("unmap_entries", mismatch("entries", ending.entries, table.entries[record]!));
  }
  if (table.dir(record) !== ending.dir) {
    const mapped = directionWord(table.dir(record));
    report("unmap_direction", mismatch("direction", directionWord(ending.dir), mapped));
  }
  if (!table.has(record, TESTED)) {
    const text = `${api} ${on} without checking dma_mapping_error() first: ${mapping}`;
    report("error_unchecked", text);
  }
  if (otherAttrs) {
    const agreed = agreedAttrs(ledger.kernel);
    const mapped = attributeText(table.attrs(record) & agreed);
    report(
      "unmap_attributes",
      mismatch("attributes", attributeText(ending.attrs & agreed), mapped),
    );
  }
}

function reportUnknown(ledger: MappingRecords, device: CheckedDevice, ending: Ending): void {
  // The record of a mapping that needs no unmap may have been dropped. Therefore the driver may
  // have mapped the unknown address, and nothing is reported.
  if (device.forgotten !== null && device.dev.domain === null) return;
  const { table } = ledger;
  const what = `${endingApi(ending.made)} on device "${device.dev.name}" of ` +
    `${bytesAt(ending.sizeBytes, ending.dma)}: `;
  if (reportRange(ledger, device, ending, what)) return;
  const link = table.findAround(device.number, ending.dma, LINKED);
  if (link !== NO_RECORD) {
    const text = `no such mapping; that address is in ${ledger.describe(link)}`;
    ledger.report("unmap_unknown", what + text, table.site(link));
    return;
  }
  let others = 0;
  let around: number = NO_RECORD;
  table.eachAround(device.number, ending.dma, (record) => {
    others++;
    around = record;
    return false;
  });
  if (around !== NO_RECORD) {
    const text = others === 1
      ? `no such mapping; that address is in ${ledger.describe(around)}`
      : `${others} mappings cover that address, but none matches; for example ` +
        ledger.describe(around);
    ledger.report("unmap_unknown", what + text, table.site(around));
    return;
  }
  const other = mappedByOther(ledger, device, ending.dma);
  if (other !== null) {
    const text = `no such mapping; "${other.name}" has ${ledger.describe(other.record)} there, ` +
      "and devices of an IOMMU group share its page table";
    ledger.report("unmap_unknown", what + text, table.site(other.record));
    return;
  }
  const ended = ledger.ended.find(device.number, ending.dma);
  const text = ended === null
    ? "no such mapping; nothing was ever mapped there"
    : ended.dma === ending.dma
    ? `already unmapped: the mapping of ${bytesAt(ended.sizeBytes, ended.dma)}`
    : `no mapping begins there; the one around it, of ${
      bytesAt(ended.sizeBytes, ended.dma)
    }, has been unmapped`;
  ledger.report("unmap_unknown", what + text, ended?.site ?? null);
}

/** The mapping that another device of the IOMMU group has at an address; null for none. */
function mappedByOther(
  ledger: MappingRecords,
  { dev }: CheckedDevice,
  dma: number,
): { readonly name: string; readonly record: number } | null {
  if (dev.domain === null) return null;
  for (const member of dev.group?.members ?? []) {
    if (member === dev) continue;
    const record = ledger.table.findAround(ledger.deviceOf(member).number, dma, SINGLES);
    if (record !== NO_RECORD) return { name: member.name, record };
  }
  return null;
}

/**
 * Reports an unmap of an address in a range of the two-step API. Only the range's own calls may end
 * its links: after this unmap, the range's calls would end the links a second time.
 *
 * @returns Whether a mistake was reported.
 * @see rules/dma.md 8.3
 */
function reportRange(
  ledger: MappingRecords,
  device: CheckedDevice,
  ending: Ending,
  what: string,
): boolean {
  const { table } = ledger;
  const { domain } = device.dev;
  if (domain === null) return false;
  const { attrs, dma, sizeBytes } = ending;
  let range: number = NO_RECORD;
  table.each((record) => {
    if (
      table.madeBy(record) === MADE.RANGE && table.device[record] === device.number &&
      !table.has(record, MARK.LEAKED) && dma < table.end(record) &&
      dma >= table.dma[record]! - domain.offsetOf(table.dma[record]!)
    ) range = record;
  });
  if (range === NO_RECORD) return false;
  const linked = table.findAround(device.number, dma, LINKED) !== NO_RECORD;
  // With these attributes the call needs no lookup of the memory, so it unmaps whatever is mapped
  // at the address.
  const ends = linked || (attrs & (DMA_ATTR.MMIO | DMA_ATTR.REQUIRE_COHERENT)) !== 0;
  const effect = ends
    ? "the linked pages are unmapped and their IOVAs freed now, and freed again with the range: a " +
      "double free, so the range can be allocated twice"
    : "nothing is linked there, so the call has no effect";
  ledger.report(
    "range_unmapped",
    `${what}that address is in ${ledger.describe(range)} of the two-step API: ${effect}`,
    table.site(range),
  );
  if (!ends) return true;
  table.mark(range, MARK.LEAKED);
  const start = dma - domain.offsetOf(dma);
  endLinks(ledger, device, start, start + domain.roundUp(dma - start + sizeBytes));
  return true;
}

/** Removes the parts of link records that lie in a span. */
function endLinks(ledger: MappingRecords, device: CheckedDevice, start: number, end: number): void {
  const { table } = ledger;
  const inside: number[] = [];
  table.each((record) => {
    if (
      table.madeBy(record) === MADE.LINK && table.device[record] === device.number &&
      table.dma[record]! < end && table.end(record) > start
    ) inside.push(record);
  });
  for (let record of inside) {
    if (table.dma[record]! < start) record = table.split(record, start);
    if (table.end(record) > end) table.split(record, end);
    ledger.end(record);
  }
}

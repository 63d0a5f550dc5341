/**
 * Fault lines of Intel VT-d:
 *
 *     DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xff000000 [fault reason 0x06] …
 *
 * Older releases write numbers without `0x`: the address in hex, the reason in decimal. They write the reason on a separate
 * line.
 *
 * @see VT-d architecture specification, Fault Recording Registers (the address without its lower 12 bits, the direction, the
 *   source), appendix A (the reasons)
 */
import { addressIn } from "./log_address.ts";
import type { LogCursor } from "./log_cursor.ts";
import { type LoggedFault, NO_DETAILS, type TableDump } from "./logged_fault.ts";
import { PCI_PLACE, sourceOf } from "./pci_source.ts";
import { dumpedReason, vtdReason } from "./vtd_reasons.ts";
import { bitsOf, parseHex64, type Word64 } from "./word64.ts";

const SPEC = "VT-d specification, appendix A";
const KIND = /(DMA Read|DMA Write|INTR-REMAP)\b\s*(?:NO_PASID|PASID (?:0x)?([0-9a-f]{1,8}))?/i;
/**
 * Number of PASIDs: a PASID has 20 bits; for a request without a PASID, older releases print all
 * ones.
 */
const PASIDS = 2 ** 20;
const MAX_REASON = 0xff;

export function decodeVtd(cursor: LogCursor): LoggedFault {
  const kind = cursor.need(KIND, "[DMA Read …], [DMA Write …] or [INTR-REMAP]");
  cursor.stopBefore(/\[\s*(?:DMA Read|DMA Write|INTR-REMAP)\b/i);
  const isInterrupt = kind[1]!.toUpperCase() === "INTR-REMAP";
  cursor.need(/Request device/i, '"Request device"');
  cursor.stopBefore(/Request device/i);
  cursor.needHere(/\[+/, "the device in brackets, as [01:00.0]");
  const source = sourceOf(cursor.needHere(PCI_PLACE, "bus:device.function, as 01:00.0"), cursor);
  cursor.needHere(/\]/, '"]" after the device');
  const late = cursor.take(/\s*PASID (?:0x)?([0-9a-f]{1,8})/i);
  const address = isInterrupt ? null : faultAddress(cursor);
  const interruptIndex = isInterrupt ? faultIndex(cursor) : null;
  const code = faultReason(cursor);
  const access = isInterrupt ? null : /read/i.test(kind[1]!) ? "read" : "write";
  const dump = address === null ? null : tableDump(cursor, address);
  const entry = vtdReason(code, access);
  return {
    format: "vtd",
    event: isInterrupt ? "INTR-REMAP" : "DMA",
    code,
    ...dump === null ? entry : dumpedReason(entry, dump, access),
    source,
    streamId: null,
    access,
    accessCertain: true,
    address,
    addressUnitBytes: 4096,
    domainId: null,
    pasid: pasidOf(kind[2] ?? late?.[1]),
    flags: [],
    details: { ...NO_DETAILS, interruptIndex, dump },
    spec: `${SPEC}: ${hex(code)}`,
  };
}

function hex(code: number): string {
  return `${code.toString(16).padStart(2, "0").toUpperCase()}h`;
}

function pasidOf(digits: string | undefined): number | null {
  const pasid = digits === undefined ? PASIDS : parseInt(digits, 16);
  return pasid < PASIDS ? pasid : null;
}

function faultAddress(cursor: LogCursor): Word64 | null {
  cursor.need(/fault addr\b/i, '"fault addr"');
  return addressIn(cursor);
}

function faultIndex(cursor: LogCursor): number {
  const [, digits] = cursor.need(
    /fault index\s+(?:0x)?([0-9a-f]{1,8})\b/i,
    '"fault index" and a number',
  );
  return parseInt(digits!, 16);
}

/**
 * The page-table walk for this address, if the kernel has printed it after the fault.
 *
 * The last entry decides. In both kinds of tables, bits 0 and 1 say whether the page may be read
 * and written. Bit 7 of an entry above the lowest level says that the entry is a large page.
 *
 * @see rules/traces.md T.45
 */
function tableDump(cursor: LogCursor, address: Word64): TableDump | null {
  const head = cursor.find(/Dump dmar\d+ table entries for IOVA 0x([0-9a-f]{1,16})\b/i);
  if (head === null) return null;
  const of = parseHex64(head[1]!);
  if (of.high !== address.high || of.low !== address.low) return null;
  let level = 0;
  let leaf: Word64 | null = null;
  while (true) {
    const next = cursor.find(/\bpte level: (\d+), pte value: 0x([0-9a-f]{1,16})\b/i);
    if (next === null) break;
    level = Number(next[1]);
    leaf = parseHex64(next[2]!);
  }
  if (leaf === null) return null;
  const isLeaf = level === 1 || bitsOf(leaf, 7, 1) === 1;
  const [read, write] = [bitsOf(leaf, 0, 1) === 1, bitsOf(leaf, 1, 1) === 1];
  const isEmpty = leaf.high === 0 && leaf.low === 0;
  // A walk that was cut off in the middle proves nothing.
  if (!isLeaf && !isEmpty) return null;
  const present = read || write;
  return { leaf, present, read, write, phys: present ? physOf(leaf, level) : null };
}

/** Bits 51 to 12 of the entry, and fewer bits for a large page. */
function physOf(leaf: Word64, level: number): Word64 {
  const pageBytes = 4096 * 512 ** (level - 1);
  const high = leaf.high % 2 ** 20;
  return {
    high: pageBytes > 2 ** 32 ? high - high % (pageBytes / 2 ** 32) : high,
    low: pageBytes >= 2 ** 32 ? 0 : leaf.low - leaf.low % pageBytes,
  };
}

/** The number of the fault reason: in hex with `0x`, else decimal, as older releases write it. */
function faultReason(cursor: LogCursor): number {
  cursor.need(/\[\s*fault reason\b/i, '"[fault reason"');
  const [, prefix, digits] = cursor.needHere(/(0x)?([0-9a-f]+)\b/i, "the number of a reason");
  const start = cursor.at - digits!.length;
  if (prefix === undefined && !/^\d+$/.test(digits!)) {
    cursor.fail("A fault reason without 0x is decimal", start);
  }
  const code = parseInt(digits!, prefix === undefined ? 10 : 16);
  if (code > MAX_REASON) cursor.fail("A fault reason has 8 bits", start);
  cursor.needHere(/\]/, '"]" after the reason');
  return code;
}

/**
 * Fault lines of Intel VT-d:
 *
 *     DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xff000000 [fault reason 0x06] …
 *
 * Older releases write numbers without `0x`, the address in hex and the reason in decimal, and the
 * reason on a line of its own.
 *
 * @see VT-d architecture specification, Fault Recording Registers (the address without its lower 12
 * bits, the direction, the source), appendix A (the reasons)
 */
import type { LogCursor } from "./log_cursor.ts";
import type { LoggedFault } from "./logged_fault.ts";
import { PCI_PLACE, sourceOf } from "./pci_source.ts";
import { vtdReason } from "./vtd_reasons.ts";
import { digitCount, HEX_DIGITS, parseHex64, type Word64, WORD64_DIGITS } from "./word64.ts";

const SPEC = "VT-d specification, appendix A";
const KIND = /(DMA Read|DMA Write|INTR-REMAP)\b\s*(?:NO_PASID|PASID (?:0x)?([0-9a-f]{1,8}))?/i;
const ADDRESS = new RegExp(`(?:0x)?(${HEX_DIGITS})\\b`, "i");
/** A PASID has 20 bits; older releases print all ones where there is none. */
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
  if (isInterrupt) cursor.need(/fault index\s+(?:0x)?[0-9a-f]+/i, '"fault index" and a number');
  const code = faultReason(cursor);
  const access = isInterrupt ? null : /read/i.test(kind[1]!) ? "read" : "write";
  return {
    format: "vtd",
    event: isInterrupt ? "INTR-REMAP" : "DMA",
    code,
    ...vtdReason(code, access),
    source,
    streamId: null,
    access,
    accessCertain: true,
    address,
    addressUnitBytes: 4096,
    domainId: null,
    pasid: pasidOf(kind[2] ?? late?.[1]),
    flags: [],
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

function faultAddress(cursor: LogCursor): Word64 {
  cursor.need(/fault addr\b/i, '"fault addr"');
  const [, digits] = cursor.needHere(ADDRESS, "an address in hex digits");
  if (digitCount(digits!) > WORD64_DIGITS) {
    cursor.fail("An address has at most 16 hex digits", cursor.at - digits!.length);
  }
  return parseHex64(digits!);
}

/** With `0x` in hex; without, as older releases write it, in decimal. */
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

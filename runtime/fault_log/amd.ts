/**
 * Event lines of the AMD IOMMU:
 *
 *     AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0 domain=0x000e address=0xfdf8 flags=0x0020]
 *     nvme 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000e address=0x… flags=0x…]
 *
 * Older releases write the part in brackets on a separate line.
 *
 * @see AMD I/O Virtualization Technology (IOMMU) Specification (48882), 2.5
 */
import {
  AMD_EVENTS,
  type AmdEventName,
  isAmdEvent,
  NOT_ATTACHED,
  PAGE_FAULT_FLAGS,
  pageFaultReason,
  UNNAMED,
} from "./amd_events.ts";
import { addressIn } from "./log_address.ts";
import type { LogCursor } from "./log_cursor.ts";
import { type LoggedFault, type LoggedSource, NO_DETAILS, UNTOLD } from "./logged_fault.ts";
import { PCI_PLACE, sourceOf } from "./pci_source.ts";
import { digitCount, HEX_DIGITS, type Word64, WORD64_DIGITS } from "./word64.ts";

const SPEC = "AMD IOMMU specification, 2.5";
/** Largest value of an entry's flags: 12 of 16 bits, because the event code takes the other four. */
const MAX_FLAGS = 0xfff;
const NUMBER = new RegExp(`(?:0x)?(${HEX_DIGITS})\\b`, "i");
const KEYS = '"device=", "domain=", "pasid=", "address=", "flags="';
/** Keys of an entry's fields, including the two keys that can precede an address in RMP records. */
const KEY = /(device|domain|pasid|address|gpa|spa|vmg_tag|flags_rmp|flags|tag)=/;
const ADDRESS_KEYS: ReadonlySet<string> = new Set(["address", "gpa", "spa"]);
const WORDS = 4;

export function decodeAmd(cursor: LogCursor): LoggedFault {
  const logged = cursor.need(/Event logged\s*\[/i, '"Event logged ["');
  cursor.stopBefore(/Event logged/i);
  const special = unattached(cursor) ?? unnamed(cursor);
  if (special !== null) return special;
  const name = eventName(cursor);
  const values = fieldsOf(cursor, name);
  const code = numberIn(values, "flags", cursor, MAX_FLAGS) ?? 0;
  const source = values.source ?? sourceBefore(cursor, logged.index);
  const isPageFault = name === "IO_PAGE_FAULT";
  const end = cursor.at;
  if (isPageFault && values.address === undefined) cursor.fail('expected "address=0x…"', end);
  if (isPageFault && !values.numbers.has("flags")) cursor.fail('expected "flags=0x…"', end);
  const flags = isPageFault ? PAGE_FAULT_FLAGS.filter((_, bit) => (code >> bit) % 2 === 1) : [];
  const has = new Set<string>(flags);
  const access = has.has("RW") ? "write" : "read";
  const entry = isPageFault ? pageFaultReason(has, access) : AMD_EVENTS[name];
  return {
    format: "amd",
    event: name,
    code,
    ...entry,
    source,
    streamId: null,
    access: isPageFault && !has.has("I") ? access : null,
    // "RW is only meaningful when PR=1, TR=0, and I=0" is how the specification limits the bit.
    accessCertain: has.has("PR") && !has.has("TR") && !has.has("I"),
    address: values.address ?? null,
    addressUnitBytes: 1,
    domainId: numberIn(values, "domain", cursor, 0xffff),
    pasid: numberIn(values, "pasid", cursor, 0xf_ffff),
    flags,
    details: {
      ...NO_DETAILS,
      tag: numberIn(values, "tag", cursor, 0xffff),
      deviceTableEntry: deviceTableEntry(cursor),
    },
    spec: `${SPEC}: ${name}`,
  };
}

/** The four words of the device's entry, dumped on separate lines after the fault. */
function deviceTableEntry(cursor: LogCursor): readonly string[] | null {
  const words: string[] = [];
  while (words.length < WORDS) {
    const next = cursor.find(/\bDTE\[(\d)\]: ([0-9a-f]{16})\b/i);
    if (next === null || Number(next[1]) !== words.length) return null;
    words.push(next[2]!.toLowerCase());
  }
  return words;
}

/** `[Device not attached to domain properly]`, and the device on the next line. */
function unattached(cursor: LogCursor): LoggedFault | null {
  if (cursor.take(/\s*Device not attached to domain/i) === null) return null;
  cursor.need(/\bdevice=/, '"device="');
  const source = sourceOf(cursor.needHere(PCI_PLACE, "bus:device.function, as 01:00.0"), cursor);
  const domain = cursor.find(/\bdomain=(?:0x)?([0-9a-f]{1,4})\b/i);
  return {
    ...withoutAddress("IO_PAGE_FAULT", source),
    ...NOT_ATTACHED,
    domainId: domain === null ? null : parseInt(domain[1]!, 16),
  };
}

/**
 * `[UNKNOWN event[0]=0x… event[1]=…`, without a closing bracket; the device's id is in the first
 * word.
 */
function unnamed(cursor: LogCursor): LoggedFault | null {
  if (cursor.take(/\s*UNKNOWN\b/) === null) return null;
  const words: number[] = [];
  while (words.length < WORDS) {
    const [, index, digits] = cursor.need(
      /\bevent\[(\d)\]=0x([0-9a-f]{1,8})\b/i,
      `"event[${words.length}]=0x…"`,
    );
    if (Number(index) !== words.length) cursor.fail(`expected word ${words.length} of the event`);
    words.push(parseInt(digits!, 16));
  }
  const source = { domain: null, requesterId: words[0]! % 0x10000 };
  const fault = withoutAddress("UNKNOWN", source);
  return { ...fault, ...UNNAMED, details: { ...NO_DETAILS, words } };
}

function withoutAddress(
  event: string,
  source: LoggedSource,
): Omit<LoggedFault, "reason" | "name" | "means"> {
  return { ...UNTOLD, format: "amd", event, code: null, source, spec: `${SPEC}: ${event}` };
}

/** The text after a key, and its offset. */
interface Field {
  readonly digits: string;
  readonly offset: number;
}

interface Fields {
  source: LoggedSource | null;
  /** Null where the address is masked, undefined where it is missing. */
  address?: Word64 | null;
  readonly numbers: Map<string, Field>;
}

/** The name of the event, which may be on the next line, after that line's own prefix. */
function eventName(cursor: LogCursor): AmdEventName {
  const match = cursor.need(/\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/, "the name of an event");
  const name = match[1]!;
  if (isAmdEvent(name)) return name;
  return cursor.fail("No event of that name is known", match.index);
}

/** `key=value` up to the closing bracket. */
function fieldsOf(cursor: LogCursor, name: AmdEventName): Fields {
  const fields: Fields = { source: null, numbers: new Map() };
  while (true) {
    cursor.take(/[\s,>]+/);
    if (cursor.take(/\]/) !== null) return fields;
    const key = cursor.take(KEY)?.[1] ??
      cursor.fail(`expected ${KEYS} or "]" in ${name}`);
    if (key === "device") {
      const place = cursor.needHere(PCI_PLACE, "bus:device.function, as 01:00.0");
      fields.source = sourceOf(place, cursor);
      continue;
    }
    if (ADDRESS_KEYS.has(key)) {
      fields.address = addressIn(cursor);
      continue;
    }
    const digits = cursor.needHere(NUMBER, `a number in hex after "${key}="`)[1]!;
    const offset = cursor.at - digits.length;
    if (digitCount(digits) > WORD64_DIGITS) {
      cursor.fail("A number has at most 16 hex digits", offset);
    }
    fields.numbers.set(key, { digits, offset });
  }
}

function numberIn(fields: Fields, key: string, cursor: LogCursor, max: number): number | null {
  const field = fields.numbers.get(key);
  if (field === undefined) return null;
  const value = parseInt(field.digits, 16);
  if (value > max) cursor.fail(`${key} is at most 0x${max.toString(16)}`, field.offset);
  return value;
}

/** The device in front of the message: newer releases print it there, as in any message of a device. */
function sourceBefore(cursor: LogCursor, logged: number): LoggedSource | null {
  const lineStart = cursor.text.lastIndexOf("\n", logged - 1) + 1;
  const before = cursor.text.slice(lineStart, logged);
  const match = new RegExp(`${PCI_PLACE.source}(?=: (?:AMD-Vi|$))`, "i").exec(before);
  return match === null ? null : sourceOf(match, cursor);
}

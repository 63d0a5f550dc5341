/**
 * Event lines of the Arm SMMUv3: the raw record, four words of 64 bits on separate lines,
 *
 *     arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:
 *     arm-smmu-v3 arm-smmu-v3.0.auto: 0x0000010000000010
 *     …
 *
 * and, in newer releases, the meaning of the record:
 *
 *     arm-smmu-v3 …: event: F_TRANSLATION client: 0000:01:00.0 sid: 0x100 ssid: 0x0 iova: 0x… ipa: 0x0
 *     arm-smmu-v3 …: unpriv data write s1 "Input address caused fault" stag: 0x0
 *
 * The words alone or the meaning alone is enough. If both are present, the words are decoded, and the
 * lines with the meaning only add the stream's client.
 *
 * @see Arm SMMUv3 specification (IHI 0070), 7.3 (the layout of the records)
 */
import type { DeviceAccess } from "../iommu/iommu.ts";
import { addressIn } from "./log_address.ts";
import type { LogCursor } from "./log_cursor.ts";
import { type LoggedFault, type LoggedSource, NO_DETAILS } from "./logged_fault.ts";
import { PCI_PLACE, sourceOf } from "./pci_source.ts";
import { type SmmuEvent, smmuEvent, smmuReason, unnamedSmmuEvent } from "./smmu_events.ts";
import { bitsOf, parseHex64, type Word64, WORD64_DIGITS } from "./word64.ts";

const SPEC = "Arm SMMUv3 specification";
const WORDS = 4;
/**
 * A word of a record: alone on its line, after the unit's name or without one. A console or a mail
 * may put a blank between its digits.
 */
const WORD =
  /(?:\barm-smmu-v3 \S+:[ \t]*|^[ \t>]*)0x([0-9a-f]+(?: [0-9a-f]+)?)\b(?=[ \t\r]*$|\s+arm-smmu)/im;
/**
 * Alignment of the address that the SMMU could not read: the record's last word has only bits 51 to
 * 3 of that address.
 */
const FETCH_ALIGN_BYTES = 8;

/** Bit numbers in a record's second word. */
const STALL = 31;
const PNU = 33;
const IND = 34;
const RNW = 35;
const S2 = 39;
const CLASS = 40;
/** Bit number in the first word: whether there is a substream. */
const SSV = 11;

/** The fields that both forms contain. */
interface SmmuRecord {
  readonly event: SmmuEvent;
  readonly streamId: number;
  readonly substream: number | null;
  /** The client that the line names; null for a client that is not a PCI function. */
  readonly source: LoggedSource | null;
  readonly clientName: string | null;
  readonly fetchAddress: Word64 | null;
  readonly address: Word64 | null;
  readonly access: DeviceAccess | null;
  readonly isInstruction: boolean;
  readonly flags: readonly string[];
}

export function decodeSmmu(cursor: LogCursor): LoggedFault {
  const raw = cursor.find(/\bevent (0x[0-9a-f]+) received:?/i);
  const record = raw === null ? decodedForm(cursor) : rawForm(cursor, raw);
  const { access, event, isInstruction, streamId } = record;
  return {
    format: "arm",
    event: event.name,
    code: event.number,
    ...smmuReason(event, access, isInstruction),
    source: record.source,
    streamId,
    access,
    accessCertain: true,
    address: record.address,
    addressUnitBytes: 1,
    domainId: null,
    pasid: record.substream,
    flags: record.flags,
    details: {
      ...NO_DETAILS,
      clientName: record.clientName,
      fetchAddress: record.fetchAddress,
    },
    spec: `${SPEC}, ${event.section}: ${event.name}`,
  };
}

/**
 * The source if neither the line nor firmware names it: the lower bits of the stream ID are the
 * requester ID, the bits above are the PCI domain.
 */
function usualSource(streamId: number): LoggedSource {
  return {
    domain: streamId > 0xffff ? Math.floor(streamId / 65536) : null,
    requesterId: streamId % 65536,
  };
}

function rawForm(cursor: LogCursor, raw: RegExpExecArray): SmmuRecord {
  cursor.stopBefore(/\bevent 0x[0-9a-f]+ received/i);
  const number = parseInt(raw[1]!, 16);
  const event = smmuEvent(number) ?? unnamedSmmuEvent(number);
  const words: Word64[] = [];
  let first = 0;
  while (words.length < WORDS) {
    const next = cursor.find(WORD);
    if (next === null) {
      return cursor.fail(
        `expected ${WORDS} words of 64 bits, there are ${words.length}: the lines below that of ` +
          `the event have the stream and the address of this ${event.name}`,
      );
    }
    const start = cursor.at - next[1]!.length - 2;
    const digits = next[1]!.replace(" ", "");
    if (digits.length > WORD64_DIGITS) cursor.fail("A word has at most 16 hex digits", start);
    // The kernel prints all 16 digits, so that a blank hides none of them.
    if (digits !== next[1] && digits.length < WORD64_DIGITS) {
      cursor.fail(
        `Word ${words.length + 1} has a blank and ${digits.length} of its 16 hex digits`,
        start,
      );
    }
    if (words.push(parseHex64(digits)) === 1) first = start;
  }
  const inWord = bitsOf(words[0]!, 0, 8);
  if (inWord !== number) {
    cursor.fail(
      `The line says event ${raw[1]}, the first word event 0x${inWord.toString(16)}`,
      first,
    );
  }
  const streamId = bitsOf(words[0]!, 32, 32);
  const bit = (position: number) => event.hasAddress && bitsOf(words[1]!, position, 1) === 1;
  const flags = [
    ...(bit(PNU) ? ["PnU"] : []),
    ...(bit(IND) ? ["InD"] : []),
    ...(bit(RNW) ? ["RnW"] : []),
    ...(bit(S2) ? ["S2"] : []),
    ...(bit(STALL) ? ["Stall"] : []),
    ...(event.hasClass ? classFlag(bitsOf(words[1]!, CLASS, 2)) : []),
  ];
  return {
    event,
    streamId,
    substream: bitsOf(words[0]!, SSV, 1) === 1 ? bitsOf(words[0]!, 12, 20) : null,
    ...clientAfter(cursor, streamId),
    fetchAddress: event.name.endsWith("_FETCH") ? fetchAddressOf(words[3]!) : null,
    address: event.hasAddress ? words[2]! : null,
    access: event.hasAddress ? bit(RNW) ? "read" : "write" : null,
    isInstruction: bit(IND),
    flags,
  };
}

/**
 * The flag for the object of the failed access: a context descriptor, a translation table, or the
 * address itself.
 */
function classFlag(value: number): string[] {
  return [["CLASS=CD"], ["CLASS=TTD"], ["CLASS=IN"], []][value]!;
}

/** The address that could not be read: bits 51 to 3 of a record's last word. */
function fetchAddressOf({ high, low }: Word64): Word64 {
  return { high: high % 2 ** 20, low: low - low % FETCH_ALIGN_BYTES };
}

type Client = Pick<SmmuRecord, "source" | "clientName">;

/**
 * The client in the line that follows the words and gives their meaning, if that line is about the
 * same stream.
 */
function clientAfter(cursor: LogCursor, streamId: number): Client {
  const line = cursor.find(/\bclient:\s*(\([^)]{0,80}\)|\S{1,80})\s+sid:\s*0x([0-9a-f]{1,8})\b/i);
  if (line === null || parseInt(line[2]!, 16) !== streamId) {
    return { source: usualSource(streamId), clientName: null };
  }
  return clientOf(line, cursor);
}

/** A client that is not a PCI function has no PCI address, and none is derived from its stream. */
function clientOf(line: RegExpExecArray, cursor: LogCursor): Client {
  const clientName = line[1]!;
  const place = new RegExp(`^${PCI_PLACE.source}$`, "i").exec(clientName);
  if (place === null) return { source: null, clientName };
  place.index = line.index;
  return { source: sourceOf(place, cursor), clientName: null };
}

function decodedForm(cursor: LogCursor): SmmuRecord {
  const named = cursor.need(
    /\bevent:\s*([A-Z][A-Z_]+)\b/,
    '"event 0x… received:" and four words, or "event: NAME"',
  );
  const event = named[1] === "UNKNOWN"
    ? unnamedSmmuEvent(0)
    : smmuEvent(named[1]!) ?? cursor.fail("No event of that name is known", named.index);
  cursor.stopBefore(/\bevent:\s/);
  const client = cursor.needHere(/client:\s*(\([^)]*\)|\S+)/i, '"client: …"');
  const streamId = hexAfter(cursor, "sid");
  const substream = hexAfter(cursor, "ssid");
  const common = {
    event,
    streamId,
    substream: substream === 0 ? null : substream,
    ...clientOf(client, cursor),
  };
  const iova = cursor.take(/\s*iova:/i);
  if (iova === null) {
    if (event.hasAddress && event.name !== "F_UUT") cursor.fail('expected "iova: 0x…"');
    const fetch = cursor.take(/\s*fetch_addr:/i);
    return {
      ...common,
      fetchAddress: fetch === null ? null : addressIn(cursor),
      address: null,
      access: null,
      isInstruction: false,
      flags: [],
    };
  }
  const address = addressIn(cursor);
  const how = cursor.find(/\b(un)?priv (data|inst) (read|write) s([12])/i);
  return {
    ...common,
    fetchAddress: null,
    address,
    access: how === null ? null : how[3]!.toLowerCase() as DeviceAccess,
    isInstruction: how?.[2]?.toLowerCase() === "inst",
    flags: how === null ? [] : [
      ...(how[1] === undefined ? ["PnU"] : []),
      ...(how[2]!.toLowerCase() === "inst" ? ["InD"] : []),
      ...(how[3]!.toLowerCase() === "read" ? ["RnW"] : []),
      ...(how[4] === "2" ? ["S2"] : []),
    ],
  };
}

function hexAfter(cursor: LogCursor, key: string): number {
  const [, digits] = cursor.needHere(
    new RegExp(`${key}:\\s*(?:0x)?([0-9a-f]{1,8})\\b`, "i"),
    `"${key}: 0x…"`,
  );
  return parseInt(digits!, 16);
}

/**
 * Event lines of the Arm SMMUv3: the record as it is, four words of 64 bits on lines of their own,
 *
 *     arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:
 *     arm-smmu-v3 arm-smmu-v3.0.auto: 0x0000010000000010
 *     …
 *
 * and, in newer releases, what it says:
 *
 *     arm-smmu-v3 …: event: F_TRANSLATION client: 0000:01:00.0 sid: 0x100 ssid: 0x0 iova: 0x… ipa: 0x0
 *     arm-smmu-v3 …: unpriv data write s1 "Input address caused fault" stag: 0x0
 *
 * Either is enough; of both, the words count and the rest adds whose stream it is.
 *
 * @see Arm SMMUv3 specification (IHI 0070), 7.3 (the layout of the records)
 */
import type { DeviceAccess } from "../iommu.ts";
import type { LogCursor } from "./log_cursor.ts";
import type { LoggedFault, LoggedSource } from "./logged_fault.ts";
import { PCI_PLACE, sourceOf } from "./pci_source.ts";
import { type SmmuEvent, smmuEvent, smmuReason } from "./smmu_events.ts";
import {
  bitsOf,
  digitCount,
  HEX_DIGITS,
  parseHex64,
  type Word64,
  WORD64_DIGITS,
} from "./word64.ts";

const SPEC = "Arm SMMUv3 specification";
const WORDS = 4;
const IOVA = new RegExp(`iova:\\s*(?:0x)?(${HEX_DIGITS})\\b`, "i");

/** What SMMUv3 prints, and what the older ones do. */
const EVENT = /\bevent:? (?:0x|[A-Z]+_)/i;
const OLD = /Unhandled context fault|Blocked unknown Stream ID/i;

/** Bits of a record's second word, by their numbers in it. */
const STALL = 31;
const PNU = 33;
const IND = 34;
const RNW = 35;
const S2 = 39;
const CLASS = 40;
/** Of the first: whether there is a substream. */
const SSV = 11;

/** What both forms tell. */
interface SmmuRecord {
  readonly event: SmmuEvent;
  readonly streamId: number;
  readonly substream: number | null;
  readonly source: LoggedSource | null;
  readonly address: Word64 | null;
  readonly access: DeviceAccess | null;
  readonly isInstruction: boolean;
  readonly flags: readonly string[];
}

export function decodeSmmu(cursor: LogCursor): LoggedFault {
  if (OLD.test(cursor.text) && !EVENT.test(cursor.text)) {
    cursor.fail("Lines of SMMUv1 and SMMUv2 are not read, only those of SMMUv3");
  }
  const raw = cursor.find(/\bevent (0x[0-9a-f]+) received:?/i);
  const record = raw === null ? decodedForm(cursor) : rawForm(cursor, raw);
  const { access, event, isInstruction, streamId } = record;
  return {
    format: "arm",
    event: event.name,
    code: event.number,
    ...smmuReason(event, access, isInstruction),
    source: record.source ?? usualSource(streamId),
    streamId,
    access,
    accessCertain: true,
    address: record.address,
    addressUnitBytes: 1,
    domainId: null,
    pasid: record.substream,
    flags: record.flags,
    spec: `${SPEC}, ${event.section}: ${event.name}`,
  };
}

/** Where firmware says nothing else, a stream is the requester id, with the PCI domain above it. */
function usualSource(streamId: number): LoggedSource {
  return {
    domain: streamId > 0xffff ? Math.floor(streamId / 65536) : null,
    requesterId: streamId % 65536,
  };
}

function rawForm(cursor: LogCursor, raw: RegExpExecArray): SmmuRecord {
  cursor.stopBefore(/\bevent 0x[0-9a-f]+ received/i);
  const words: Word64[] = [];
  const starts: number[] = [];
  while (words.length < WORDS) {
    const next = cursor.find(/\b0x([0-9a-f]+)\b/i);
    if (next === null) {
      return cursor.fail(`expected ${WORDS} words of 64 bits, there are ${words.length}`);
    }
    if (next[1]!.length > WORD64_DIGITS) {
      cursor.fail("A word has at most 16 hex digits", next.index);
    }
    words.push(parseHex64(next[1]!));
    starts.push(next.index);
  }
  const number = parseInt(raw[1]!, 16);
  const inWord = bitsOf(words[0]!, 0, 8);
  if (inWord !== number) {
    cursor.fail(
      `The line says event ${raw[1]}, the first word event 0x${inWord.toString(16)}`,
      starts[0],
    );
  }
  const event = smmuEvent(number) ?? cursor.fail("No event of that number is known", raw.index);
  const streamId = bitsOf(words[0]!, 32, 32);
  const bit = (position: number) => event.hasAddress && bitsOf(words[1]!, position, 1) === 1;
  const flags = [
    ...(bit(PNU) ? ["PnU"] : []),
    ...(bit(IND) ? ["InD"] : []),
    ...(bit(RNW) ? ["RnW"] : []),
    ...(bit(S2) ? ["S2"] : []),
    ...(bit(STALL) ? ["Stall"] : []),
    ...(event.hasAddress ? classFlag(bitsOf(words[1]!, CLASS, 2)) : []),
  ];
  return {
    event,
    streamId,
    substream: bitsOf(words[0]!, SSV, 1) === 1 ? bitsOf(words[0]!, 12, 20) : null,
    source: clientAfter(cursor, streamId),
    address: event.hasAddress ? words[2]! : null,
    access: event.hasAddress ? bit(RNW) ? "read" : "write" : null,
    isInstruction: bit(IND),
    flags,
  };
}

/** What was accessed when it failed: a table of the way, or the address itself. */
function classFlag(value: number): string[] {
  return [["CLASS=CD"], ["CLASS=TTD"], ["CLASS=IN"], []][value]!;
}

/** The client in a decoded line behind the words, when it is about the same stream. */
function clientAfter(cursor: LogCursor, streamId: number): LoggedSource | null {
  const line = cursor.find(/\bclient:\s*(\S{1,80})\s+sid:\s*0x([0-9a-f]{1,8})\b/i);
  if (line === null || parseInt(line[2]!, 16) !== streamId) return null;
  return clientSource(line, cursor);
}

function clientSource(line: RegExpExecArray, cursor: LogCursor): LoggedSource | null {
  const place = new RegExp(`^${PCI_PLACE.source}$`, "i").exec(line[1]!);
  if (place === null) return null;
  place.index = line.index;
  return sourceOf(place, cursor);
}

function decodedForm(cursor: LogCursor): SmmuRecord {
  const named = cursor.need(
    /\bevent:\s*([A-Z][A-Z_]+)\b/,
    '"event 0x… received:" and four words, or "event: NAME"',
  );
  const event = smmuEvent(named[1]!) ?? cursor.fail("No event of that name is known", named.index);
  cursor.stopBefore(/\bevent:\s/);
  const client = cursor.needHere(/client:\s*(\([^)]*\)|\S+)/i, '"client: …"');
  const streamId = hexAfter(cursor, "sid");
  const substream = hexAfter(cursor, "ssid");
  if (!event.hasAddress) {
    return {
      event,
      streamId,
      substream: substream === 0 ? null : substream,
      source: clientSource(client, cursor),
      address: null,
      access: null,
      isInstruction: false,
      flags: [],
    };
  }
  const [, digits] = cursor.needHere(IOVA, '"iova: 0x…"');
  if (digitCount(digits!) > WORD64_DIGITS) {
    cursor.fail("An address has at most 16 hex digits", cursor.at - digits!.length);
  }
  const how = cursor.find(/\b(un)?priv (data|inst) (read|write) s([12])/i);
  return {
    event,
    streamId,
    substream: substream === 0 ? null : substream,
    source: clientSource(client, cursor),
    address: parseHex64(digits!),
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

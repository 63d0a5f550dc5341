/**
 * Fault lines of the Arm SMMUv1 and SMMUv2:
 *
 *     arm-smmu 5000000.iommu: Unhandled context fault: fsr=0x402, iova=0x…, fsynr=0x220000, cbfrsynra=0x19c3, cb=1
 *     arm-smmu 5000000.iommu: Blocked unknown Stream ID 0x401; boot with …
 *
 * Releases before 5.2 have no `cbfrsynra`, and kernels of vendors leave out more. Those of NVIDIA's boards add
 * the name of the source and the entries of the page table, from the top:
 *
 *     … iova=0x…, fsynr=0x220003, cb=21, sid=17(0x11 - AFI), pgd=25bec9003, pud=25bec9003, pmd=235086003, pte=0
 *
 * @see Arm SMMUv2 specification (IHI 0062), SMMU_CBn_FSR, SMMU_CBn_FSYNR0, SMMU_CBFRSYNRAn
 * @see rules/traces.md T.51
 */
import type { DeviceAccess } from "../iommu/iommu.ts";
import { addressIn } from "./log_address.ts";
import type { LogCursor } from "./log_cursor.ts";
import {
  type LoggedFault,
  NO_DETAILS,
  type ReasonEntry,
  type TableDump,
  UNTOLD,
} from "./logged_fault.ts";
import { noPermission } from "./smmu_events.ts";
import { word64 } from "./word64.ts";

const SPEC = "Arm SMMUv2 specification";

/** Bit numbers in the fault status. If several bits are set, the rules below say which bit counts first. */
const TF = 1;
const AFF = 2;
const PF = 3;
const EF = 4;
const TLBMCF = 5;
const TLBLKF = 6;
const ASF = 7;
const UUT = 8;
const SS = 30;
const MULTI = 31;
const STATUS_BITS: readonly (readonly [number, string])[] = [
  [TF, "TF"],
  [AFF, "AFF"],
  [PF, "PF"],
  [EF, "EF"],
  [TLBMCF, "TLBMCF"],
  [TLBLKF, "TLBLKF"],
  [ASF, "ASF"],
  [UUT, "UUT"],
  [SS, "SS"],
  [MULTI, "MULTI"],
];
/** Bit numbers in the syndrome: the access was a write (WNR), or an instruction fetch (IND). */
const WNR = 4;
const IND = 6;
/** Number of streams: a stream ID has 16 bits. */
const STREAMS = 0x10000;

export function decodeOldSmmu(cursor: LogCursor): LoggedFault {
  const head = cursor.need(
    /Unhandled context fault|Blocked unknown Stream ID/i,
    '"Unhandled context fault" or "Blocked unknown Stream ID"',
  );
  return /blocked/i.test(head[0]) ? blocked(cursor) : contextFault(cursor);
}

function blocked(cursor: LogCursor): LoggedFault {
  const [, digits] = cursor.needHere(/(?:0x)?([0-9a-f]{1,8})\b/i, "the number of a stream");
  return {
    ...COMMON,
    event: "global_fault",
    code: null,
    reason: "no_entry",
    name: "stream unknown",
    means: "The device's stream is not configured: firmware describes it wrong or not at all, " +
      "or no driver is bound",
    streamId: parseInt(digits!, 16),
    spec: `${SPEC}: SMMU_sGFSR.USF`,
  };
}

function contextFault(cursor: LogCursor): LoggedFault {
  cursor.needHere(/:/, '":" and the registers');
  const end = /\n|$/.exec(cursor.text.slice(cursor.at))!.index + cursor.at;
  const line = cursor.text.slice(cursor.at, end);
  const status = numberAfter(line, "fsr", 16);
  const syndrome = numberAfter(line, "fsynr", 16);
  const stream = numberAfter(line, "cbfrsynra", 16);
  const sid = numberAfter(line, "sid", 10);
  const bank = numberAfter(line, "cb", 10);
  cursor.find(/\biova\s*=/i) ?? cursor.fail('expected "iova="');
  const address = addressIn(cursor);
  const access = syndrome === null ? null : bit(syndrome, WNR) ? "write" : "read";
  const dump = tableEnd(line);
  return {
    ...COMMON,
    event: "context_fault",
    code: status,
    ...dump !== null && status === null
      ? TABLE_ABSENT
      : reasonOf(status, access, syndrome !== null && bit(syndrome, IND)),
    streamId: stream !== null ? stream % STREAMS : sid,
    access,
    address,
    flags: status === null
      ? []
      : STATUS_BITS.filter(([at]) => bit(status, at)).map(([, name]) => name),
    details: {
      ...NO_DETAILS,
      contextBank: bank,
      clientName: SOURCE_NAME.exec(line)?.[1] ?? null,
      dump,
    },
    spec: `${SPEC}: SMMU_CBn_FSR`,
  };
}

const COMMON = { ...UNTOLD, format: "arm_v2" } as const;

/** The name of a source beside its stream. */
const SOURCE_NAME = /\bsid\s*=\s*\d{1,9}\s*\(0x[0-9a-f]{1,8} - ([A-Za-z]\w{0,31})\)/i;
/** An entry of the page table that is empty. */
const EMPTY_ENTRY = /\b(?:pgd|pud|pmd|pte)=(?:0x)?0+(?![0-9a-fx])/i;

/** The end of the walk that a line has, if it ends at an empty entry; null for any other line. */
function tableEnd(line: string): TableDump | null {
  return EMPTY_ENTRY.test(line)
    ? { leaf: word64(0), present: false, read: false, write: false, phys: null }
    : null;
}

/** The line has no status: what the table says of the address, and no reason of the hardware. */
const TABLE_ABSENT: ReasonEntry = entry(
  "unknown",
  "status not in the line; nothing mapped by the table",
  "The page table in the line ends at an entry of 0: nothing was mapped at the address when the " +
    "kernel printed it, a little after the fault. It was never mapped, or was unmapped",
);

function numberAfter(line: string, key: string, radix: 10 | 16): number | null {
  const digits = radix === 16 ? "(?:0x)?([0-9a-f]{1,8})\\b" : "(\\d{1,9})(?![0-9a-fx])";
  const match = new RegExp(`\\b${key}\\s*=\\s*${digits}`, "i").exec(line);
  return match === null ? null : parseInt(match[1]!, radix);
}

function bit(value: number, position: number): boolean {
  return Math.floor(value / 2 ** position) % 2 === 1;
}

function entry(reason: ReasonEntry["reason"], name: string, means: string): ReasonEntry {
  return { reason, name, means };
}

/**
 * The meaning of the status. An error of the walk is tested before the errors that may be its
 * consequences.
 */
function reasonOf(
  status: number | null,
  access: DeviceAccess | null,
  isInstruction: boolean,
): ReasonEntry {
  if (status === null) {
    return entry("unknown", "status not in the line", "The line does not contain the fault status");
  }
  const has = (position: number) => bit(status, position);
  if (has(EF)) {
    return entry(
      "fetch_failed",
      "page table not readable",
      "An entry of an upper level points to a missing table: tables freed while still in " +
        "use, or memory overwritten",
    );
  }
  if (has(TF)) {
    return entry(
      "not_present",
      "no translation",
      "Nothing is mapped at the address: it was never mapped, or was unmapped before the access",
    );
  }
  if (has(PF)) {
    return noPermission(access, isInstruction);
  }
  if (has(AFF)) {
    return entry(
      "other",
      "access flag clear",
      "The page is mapped, but its access flag is clear, and nothing sets it",
    );
  }
  return otherReason(has) ??
    entry("unknown", "no fault bit set", "The fault status has no bit of a reason");
}

/** Reasons that do not concern a mapping. */
function otherReason(has: (position: number) => boolean): ReasonEntry | null {
  if (has(TLBMCF) || has(TLBLKF)) {
    return entry(
      "other",
      "conflict in a TLB or configuration cache",
      "The SMMU caches two entries for one input, or one that cannot be replaced: an entry changed " +
        "without an invalidation",
    );
  }
  if (has(ASF)) {
    return entry(
      "address_width",
      "address too wide",
      "The address has more bits than the SMMU translates",
    );
  }
  if (has(UUT)) {
    return entry(
      "other",
      "unsupported transaction",
      "The device sent a transaction that the system does not know",
    );
  }
  return null;
}

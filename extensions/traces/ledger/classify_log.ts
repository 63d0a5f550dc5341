/**
 * Joins the records of a kernel's log with the ledger of a trace: the cause of each fault, and which
 * line of the log is about which finding.
 *
 * @see rules/traces.md T.61 to T.63
 */
import { countBefore } from "@dmalab/runtime/basics";
import type { LogBoots, LoggedBoot } from "../kernel_log/boots.ts";
import type { KernelLogEntry } from "../kernel_log/entry.ts";
import { causeText, stepsOf } from "../kernel_log/entry_steps.ts";
import { MESSAGE_KINDS } from "../kernel_log/messages/kinds.ts";
import { causeOf, wordsOf } from "../kernel_log/messages/message.ts";
import { isFault, refusedAccess } from "../kernel_log/refused_access.ts";
import {
  type ClockDifference,
  type ClockOffset,
  exactOffset,
  type LogPair,
  offsetOf,
  pairFindings,
  type TimedFinding,
  type Window,
} from "../clocks/clock_offset.ts";
import {
  changesAt,
  type FaultedAccess,
  FaultVerdicts,
  isLiveWithin,
  JUST_AFTER_SECONDS,
  type LoggedAccess,
  type TracedFaultVerdict,
  type WindowVerdict,
} from "./classify_fault.ts";
import { ERROR_ADDRESS } from "../line/payload.ts";
import { modeOf } from "./device_mode.ts";
import type { Edges } from "./edges.ts";
import type { MappingTracker } from "./ledger.ts";
import {
  type Certainty,
  type Device,
  type FaultCandidate,
  findingOf,
  pageOf,
  type TraceFinding,
} from "./traced_mapping.ts";
import { aboutKind, type FindingKind } from "./finding_kinds.ts";
import type { PageHistory } from "./page_history.ts";

export interface ClassifiedLog {
  readonly findings: readonly TraceFinding[];
  readonly offset: ClockOffset | null;
  readonly pairs: readonly LogPair[];
  /** The boot that the trace is of; null where nothing says which, or there is no log. */
  readonly boot: LoggedBoot | null;
}

/** The known facts about the clocks beside the lines about DMA. */
export interface KnownClocks {
  /** Trace minus log, for each mark that is in both. */
  readonly marks: readonly (ClockDifference & { readonly boot: LoggedBoot | null })[];
  readonly boots: LogBoots;
}

/** Further than this no clock of a trace was from that of the log. */
const FURTHEST_SECONDS = 60;
/** Runs with lines of both clocks were at most 2.63 seconds apart. @see rules/traces.md T.61 */
const MEASURED_SECONDS = 3;
/** A fault printed this long after the last line of a trace is not covered by the trace. */
const LATE_SECONDS = 0.5;
/** So many faults tie the clocks where nothing else does, by so many offsets, the nearest to 0. */
const MAX_TIED = 64;
const MAX_OFFSETS = 1 << 12;
/** An explanation that fits for so much of the time at which any does is likely. */
const LIKELY_SHARE = 0.9;
/** A line of the log is printed a little later than the line of the trace that is the same call. */
const PRINTED_SECONDS = 0.001;

/** A fault of a mapping, of a line in which the reporter masked the address. */
const NO_ADDRESS = "no verdict: the line has no address that can be read";

export const FAULT_RULE = "trace.T.62";

/** Pages that the faults of a log are about: the ledger has to keep them. */
export function faultPages(entries: readonly KernelLogEntry[]): number[] {
  return entries.flatMap((entry) => {
    const address = refusedAccess(entry)?.address ?? null;
    return address === null ? [] : [pageOf(address)];
  });
}

/** Devices with accesses that an IOMMU has refused. */
export function faultedDevices(entries: readonly KernelLogEntry[]): Set<string> {
  return new Set(entries.flatMap((entry) => {
    const refused = refusedAccess(entry);
    return refused?.isAboutMappings ? refused.device ?? [] : [];
  }));
}

export function classifyLog(
  entries: readonly KernelLogEntry[],
  ledger: MappingTracker,
  history: PageHistory,
  timed: readonly TimedFinding[],
  { boots, marks }: KnownClocks,
): ClassifiedLog {
  const [first = null, second] = boots.list;
  if (second === undefined || ledger.edges.firstSeconds === null) {
    return classifyBoot(entries, ledger, history, timed, marks, first);
  }
  const byBoot = Map.groupBy(entries, (entry) => boots.of(entry)!);
  const boot = tracedBoot(byBoot, timed, marks);
  const untied = boots.list.filter((each) => each !== boot).flatMap((each) => {
    const entries = byBoot.get(each) ?? [];
    if (boot !== null) return entries.flatMap((entry) => ofOtherBoot(entry, each, boot));
    return classifyBoot(entries, ledger, history, [], [], each).findings
      .map((finding) => ofUnknownBoot(finding, each));
  });
  if (boot === null) return { findings: untied, offset: null, pairs: [], boot };
  const ownMarks = marks.filter((mark) => mark.boot === boot);
  const own = classifyBoot(byBoot.get(boot) ?? [], ledger, history, timed, ownMarks, boot);
  return { ...own, findings: [...own.findings, ...untied] };
}

/** The boot with most of the collector's marks, else with most lines that are calls of the trace; null where two have as many. */
function tracedBoot(
  byBoot: ReadonlyMap<LoggedBoot, readonly KernelLogEntry[]>,
  timed: readonly TimedFinding[],
  marks: KnownClocks["marks"],
): LoggedBoot | null {
  const marked = [...Map.groupBy(marks, ({ boot }) => boot)]
    .map(([boot, marks]) => ({ boot, count: marks.length }));
  const called = () =>
    [...byBoot].map(([boot, entries]) => ({ boot, count: pairFindings(entries, timed).length }));
  const [most, next] = (marked.length > 0 ? marked : called()).sort((a, b) => b.count - a.count);
  return most === undefined || most.count === (next?.count ?? 0) ? null : most.boot;
}

/** The finding from the log alone: no line of the trace is about it. */
function ofOtherBoot(entry: KernelLogEntry, boot: LoggedBoot, traced: LoggedBoot): TraceFinding[] {
  const place = `boot ${boot.number} (from log line ${boot.line} on)`;
  if (!isFault(entry)) {
    return otherFinding(entry, null)
      .map((finding) => ({ ...finding, text: `${finding.text}, in ${place}` }));
  }
  const finding = faultFinding(entry, null, null, null, null);
  if (finding.kind === "error_value") return [{ ...finding, text: `${finding.text}, in ${place}` }];
  const text = `no verdict: it is of ${place}, and the trace of boot ${traced.number}`;
  return [{ ...finding, text }];
}

/** With several boots: each of them may be that of the trace. */
function ofUnknownBoot(finding: TraceFinding, { line, number }: LoggedBoot): TraceFinding {
  const isOfTrace = finding.line !== null ||
    finding.rule === FAULT_RULE && finding.kind !== "error_value";
  const text = `${finding.text}, in boot ${number} (from log line ${line} on)`;
  if (!isOfTrace) return { ...finding, text };
  const certainty = finding.certainty === "unknown" ? "unknown" : "possible";
  return { ...finding, certainty, text: `${text}, if the trace is of this boot` };
}

function classifyBoot(
  entries: readonly KernelLogEntry[],
  ledger: MappingTracker,
  history: PageHistory,
  timed: readonly TimedFinding[],
  marks: readonly ClockDifference[],
  boot: LoggedBoot | null,
): ClassifiedLog {
  const verdicts = new FaultVerdicts(history);
  const pairs = pairFindings(entries, timed);
  const accesses = new Map(
    entries.flatMap((entry) => {
      const access = accessOf(entry, ledger);
      return access === null ? [] : [[entry, access] as const];
    }),
  );
  const differences = pairs.flatMap(({ difference }) => difference ?? []);
  const offset = ledger.edges.firstSeconds === null ? null : offsetOf(marks, "marks") ??
    offsetOf(differences, "calls") ??
    (accesses.size === 0 || !entries.some(({ isSinceBoot }) => isSinceBoot)
      ? null
      : explaining([...accesses.values()], ledger, verdicts, boot?.offsetSeconds ?? null));
  const paired = new Set(pairs.map(({ entry }) => entry));
  const windows = new LogWindows(offset, pairs, ledger.edges);
  const classify = (entry: KernelLogEntry): TraceFinding[] => {
    if (isFault(entry)) {
      const window = windows.of(entry);
      return [
        faultFinding(entry, accesses.get(entry) ?? null, offset, window, { ledger, verdicts }),
      ];
    }
    return paired.has(entry) ? [] : otherFinding(entry, ledger);
  };
  return {
    findings: [...entries.flatMap(classify), ...lostFault(entries)],
    offset,
    pairs,
    boot,
  };
}

/** When lines of a log were printed, by the clock of the trace: between the pairs before and after each. */
class LogWindows {
  readonly #pairLines: readonly number[];
  /** The latest of each pair and all before it, and the earliest of each and all after it. */
  readonly #latest: readonly number[];
  readonly #earliest: readonly number[];

  constructor(
    private readonly offset: ClockOffset | null,
    pairs: readonly LogPair[],
    private readonly edges: Edges,
  ) {
    const sorted = pairs.toSorted((a, b) => a.entry.line - b.entry.line);
    this.#pairLines = sorted.map(({ entry }) => entry.line);
    let latest = -Infinity;
    this.#latest = sorted.map(({ seconds }) => latest = Math.max(latest, seconds));
    let earliest = Infinity;
    this.#earliest = sorted.toReversed()
      .map(({ seconds }) => earliest = Math.min(earliest, seconds)).reverse();
  }

  of({ line, resolutionSeconds, seconds }: KernelLogEntry): Window | null {
    const { edges: { firstSeconds, lastSeconds }, offset } = this;
    if (firstSeconds === null) return null;
    // Nothing ties it to the trace but the order of lines.
    if (offset === null || seconds === null) {
      return this.#between(line, firstSeconds, lastSeconds);
    }
    const [first, last] = offset.window;
    if (resolutionSeconds === 0 && first === last) return [seconds + first, seconds + last];
    return this.#between(line, seconds + first, seconds + last + resolutionSeconds);
  }

  #between(line: number, from: number, until: number): Window {
    const next = countBefore(this.#pairLines.length, (index) => this.#pairLines[index]! < line);
    return [
      Math.max(from, this.#latest[next - 1] ?? -Infinity),
      Math.min(until, (this.#earliest[next] ?? Infinity) + PRINTED_SECONDS),
    ];
  }
}

/** The access to memory that a record reports; null without one. */
function accessOf(entry: KernelLogEntry, ledger: MappingTracker): LoggedAccess | null {
  const refused = refusedAccess(entry);
  if (refused === null || refused.address === null || !refused.isAboutMappings) return null;
  const { access, address, device, isAccessCertain } = refused;
  return {
    entry,
    device: device === null ? null : ledger.devices.get(device) ?? null,
    page: pageOf(address),
    access: isAccessCertain ? access : null,
    mapped: entry.fault?.details.dump?.present ?? null,
  };
}

/** With no line of both that is the same call: the offset that explains most faults. */
function explaining(
  accesses: readonly LoggedAccess[],
  ledger: MappingTracker,
  verdicts: FaultVerdicts,
  bootSeconds: number | null,
): ClockOffset | null {
  const known = accesses.filter(({ device, entry }) => device !== null && entry.seconds !== null)
    .slice(0, MAX_TIED);
  const changes = known.flatMap((access) => {
    const near = access.entry.seconds! - JUST_AFTER_SECONDS;
    const window = [near - FURTHEST_SECONDS, near + FURTHEST_SECONDS] as const;
    return changesAt(access, verdicts.history, window, MAX_OFFSETS).map((seconds) =>
      seconds - near
    );
  });
  // The clock of the trace may be another one than the kernel speaks of: then 0 is near.
  const candidates = [
    ...bootSeconds === null ? [] : [bootSeconds],
    0,
    ...changes.filter((offset) => Math.abs(offset) < FURTHEST_SECONDS)
      .sort((a, b) => Math.abs(a) - Math.abs(b)).slice(0, MAX_OFFSETS),
  ];
  let best: number | null = null;
  let most = -1;
  for (const offset of candidates) {
    const explained = known.filter((access) => {
      const seconds = access.entry.seconds! + offset;
      const until = seconds + access.entry.resolutionSeconds;
      const isCovered = until >= ledger.edges.firstSeconds! &&
        seconds <= ledger.edges.lastSeconds + LATE_SECONDS;
      return isCovered && verdicts.within(access, [seconds, until]).isConsistent;
    }).length;
    if (explained > most) [best, most] = [offset, explained];
    if (explained === known.length) break;
  }
  if (best === null) return null;
  return exactOffset(best, best === bootSeconds ? "boot" : "faults");
}

function faultFinding(
  entry: KernelLogEntry,
  access: LoggedAccess | null,
  offset: ClockOffset | null,
  window: Window | null,
  known: { readonly ledger: MappingTracker; readonly verdicts: FaultVerdicts } | null,
): TraceFinding {
  const refused = refusedAccess(entry);
  const place = refused?.device ?? null;
  const { row } = entry;
  const finding = (
    kind: FindingKind,
    certainty: Certainty,
    more: Partial<TraceFinding> = {},
  ): TraceFinding =>
    findingOf({
      kind,
      certainty,
      logLine: entry.line,
      device: place,
      address: refused?.address ?? null,
      seconds: entry.seconds,
      stamp: entry.stamp,
      rule: FAULT_RULE,
      text: aboutKind(kind).fault ?? "",
      more: { access: refused?.access ?? null, reason: refused?.reason ?? null },
      ...more,
    });
  if (refused?.isErrorValue) return finding("error_value", "likely");
  if (access === null || known === null) {
    return finding(
      "iommu_fault",
      "unknown",
      row === null ? refused?.isAboutMappings === true ? { text: NO_ADDRESS } : {} : {
        text: sentenceOf(wordsOf(row.means, entry.facts)),
        next: stepsOf(entry, row),
      },
    );
  }
  const { ledger, verdicts } = known;
  const { edges } = ledger;
  const outside = window === null ? null : outsideText(window, edges);
  if (ledger.isTableAlone && window !== null && outside === null) {
    return tableFault({ ...access, device: null }, window, verdicts, finding);
  }
  if (
    edges.firstSeconds === null || access.device === null || window === null || outside !== null
  ) {
    const why = edges.firstSeconds === null
      ? "only a log was given, no trace"
      : place === null
      ? "the line names no device"
      : outside ??
        (access.device === null
          ? "the trace has no mapping of the device"
          : "no time ties the line to the trace");
    const next = edges.firstSeconds === null ? { next: WITHOUT_TRACE } : {};
    return finding("iommu_fault", "unknown", { text: `no verdict: ${why}`, ...next });
  }
  const traced = {
    access,
    device: access.device,
    window,
    isExact: offset?.source === "marks" || offset?.source === "calls",
    isTied: offset !== null && entry.seconds !== null,
    isGuessed: offset?.source === "faults" && Math.abs(offset.seconds) > MEASURED_SECONDS,
  };
  return explainedFault(traced, ledger, verdicts, finding);
}

/** What to do about a fault that is all that there is. */
const WITHOUT_TRACE: readonly string[] = [
  "read what the line says: `dmalab explain LOG`",
  "record the mappings while it happens: `sh collect-trace.sh 30` as root (examples/traces/data, docs/traces.md)",
  "give both to `dmalab trace check TRACE LOG`",
];

/** How far a time lies outside the trace; null where it may lie within. */
function outsideText(
  [from, until]: Window,
  { firstSeconds, lastSeconds }: MappingTracker["edges"],
): string | null {
  if (from > lastSeconds + LATE_SECONDS) {
    return `printed ${distanceText(from - lastSeconds)} after the end of the trace`;
  }
  return firstSeconds !== null && until < firstSeconds
    ? `printed ${distanceText(firstSeconds - until)} before the trace begins`
    : null;
}

/** An access of a device that the trace knows, within a window of its time. */
interface KnownAccess {
  readonly access: FaultedAccess;
  readonly device: Device;
  readonly window: Window;
  /** Lines that both have tie the clocks. */
  readonly isExact: boolean;
  /** Anything ties them: else it is within the trace, by the order of lines at most. */
  readonly isTied: boolean;
  /** The faults alone chose an offset that no run had: then another one may be as right. */
  readonly isGuessed: boolean;
}

export type MakeFinding = (
  kind: FindingKind,
  certainty: Certainty,
  more?: Partial<TraceFinding>,
) => TraceFinding;

/** Such as "9987 s". */
function distanceText(seconds: number): string {
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}

/** The cause of an access, by what its page was mapped for at the time. */
export function explainedFault(
  known: KnownAccess,
  ledger: MappingTracker,
  verdicts: FaultVerdicts,
  finding: MakeFinding,
): TraceFinding {
  const { access, isExact, isGuessed, isTied, window } = known;
  const { history } = verdicts;
  const verdict = verdicts.within(access, window);
  const { mapping } = verdict;
  const isSure = isExact && verdict.isConsistent && mapping?.device !== null;
  const isLikely = !isGuessed && verdict.isConsistent &&
    verdict.share >= (isTied ? LIKELY_SHARE : 1);
  const certainty = !isLikely ? "possible" : isSure && verdict.share === 1 ? "proved" : "likely";
  const candidates = candidatesOf(verdict);
  if (!isLikely && candidates.length > 1) {
    return finding("undecided_fault", "possible", { candidates });
  }
  if (verdict.kind === "never_mapped") {
    const physical = livePhysical(access, window, verdicts);
    if (physical !== undefined) {
      return finding("physical_address", "likely", { otherLine: physical.mappedAt.line });
    }
    const whole = liveWithLowBits(access, window, verdicts);
    if (whole !== undefined) {
      return finding("cut_address", "likely", { otherLine: whole.mappedAt.line });
    }
    // Without a time the line may be older than the map, or the map allowed the access.
    const live = isTied ? [] : history.indexOf(access.page, access.device).liveAt(window[1]);
    if (live.length > 0) {
      const allowed = {
        kind: "access_allowed",
        mapping: live.at(-1)!,
        isConsistent: false,
      } as const;
      return finding("access_allowed", "possible", candidateOf(allowed));
    }
    return history.isWhole
      ? neverMapped(known, ledger, finding)
      : finding("unknown_birth", "unknown");
  }
  // Lines are missing since: it may have been unmapped, or another mapping may have been live there.
  const isUncertain = mapping !== null && mapping.device !== null &&
    (mapping.unmappedAt === null
      ? ledger.isUncertain(mapping)
      : mapping.unmappedAt.line < ledger.edges.lostLine);
  return finding(verdict.kind, isUncertain ? "possible" : certainty, {
    ...candidateOf(verdict),
    ...candidates.length > 1 ? { candidates } : {},
  });
}

/** A mapping of the same owner with memory at this address. */
function livePhysical({ device, page }: FaultedAccess, window: Window, { history }: FaultVerdicts) {
  return history.atPhys(page).find((mapping) =>
    mapping.device === device && isLiveWithin(mapping, window)
  );
}

/** A mapping of the same owner that the address has the low bits of. */
function liveWithLowBits(
  { device, page }: FaultedAccess,
  window: Window,
  { history }: FaultVerdicts,
) {
  return history.atLowBits(page).find((mapping) =>
    mapping.device === device && isLiveWithin(mapping, window)
  );
}

/** The likeliest of each kind that fits. */
function candidatesOf({ candidates }: WindowVerdict): FaultCandidate[] {
  const kinds = new Map<FindingKind, FaultCandidate>();
  for (const each of candidates) {
    kinds.getOrInsertComputed(each.kind, () => candidateOf(each));
  }
  return [...kinds.values()];
}

/** A cause by its lines. */
function candidateOf({ kind, mapping }: TracedFaultVerdict): FaultCandidate {
  const isUnmapped = kind === "use_after_unmap" && mapping?.device !== null;
  return {
    kind,
    line: isUnmapped ? mapping!.unmappedAt!.line : mapping?.mappedAt.line ?? null,
    otherLine: isUnmapped ? mapping!.mappedAt.line : null,
  };
}

/**
 * Lines of page tables alone give the page's history, but not the owner of the table: all domains
 * allocate the same addresses.
 */
export function tableFault(
  access: FaultedAccess,
  window: Window,
  verdicts: FaultVerdicts,
  finding: MakeFinding,
): TraceFinding {
  const verdict = verdicts.within(access, window);
  const { mapping } = verdict;
  if (mapping === null) {
    const physical = livePhysical(access, window, verdicts);
    if (physical !== undefined) {
      return finding("physical_address", "possible", { otherLine: physical.mappedAt.line });
    }
    const text =
      "no verdict: no iommu:map or unmap event covers the page; without dma:* events no " +
      "device's mappings are known (trace.T.26)";
    return finding("iommu_fault", "unknown", { text });
  }
  const { mappedAt, pid, task, unmappedAt } = mapping;
  const candidates = candidatesOf(verdict);
  const kind = candidates.length > 1 ? "undecided_fault" : verdict.kind;
  const end = unmappedAt === null ? "still mapped" : `unmapped in line ${unmappedAt.line}`;
  return finding(kind, "possible", {
    line: unmappedAt?.line ?? mappedAt.line,
    otherLine: unmappedAt === null ? null : mappedAt.line,
    text:
      `${
        aboutKind(kind).fault
      }, if it is this device's page table, which its lines do not say: mapped ` +
      `by ${task}-${pid} in line ${mappedAt.line}, ${end}`,
    ...candidates.length > 1 ? { candidates } : {},
  });
}

/** Only a trace without gaps from the device's first mapping on can say so, with its page table. */
function neverMapped(
  { device, isExact, isGuessed }: KnownAccess,
  { edges }: MappingTracker,
  finding: MakeFinding,
) {
  const isGapless = edges.lostLine === 0 && device.mappedBeforeTrace === 0;
  const isSeen = modeOf(device) === "translated" && device.recorded.table.maps > 0;
  if (!isGapless || !isSeen) return finding("unknown_birth", "unknown");
  return finding("never_mapped", isExact ? "proved" : isGuessed ? "possible" : "likely");
}

function loggedAddress(hex: string): number {
  return /^0xf{16}$/.test(hex) ? ERROR_ADDRESS : Number.parseInt(hex, 16);
}

/** A log that says that records of faults are missing, and has no fault: it had one all the same. */
function lostFault(entries: readonly KernelLogEntry[]): TraceFinding[] {
  if (entries.some(isFault)) return [];
  const first = entries.find(({ facts, kind, row }) =>
    row?.role === "consequence" &&
    (facts.error === "queue_overflow" || kind === "suppressed" && facts.cause === "faults")
  );
  if (first === undefined) return [];
  return [findingOf({
    kind: "iommu_fault",
    certainty: "unknown",
    logLine: first.line,
    seconds: first.seconds,
    stamp: first.stamp,
    rule: FAULT_RULE,
    text: "faults happened, and none is in the log: their lines were lost or left out",
    next: [
      "give the whole log: the faults printed before it name the devices",
    ],
  })];
}

/** A sentence as a part of another one. */
function sentenceOf(text: string): string {
  return /^(?:[A-Z][a-z]|A )/.test(text) ? `${text[0]!.toLowerCase()}${text.slice(1)}` : text;
}

/** Messages that alone are findings. @param ledger The ledger of the same boot, or null. */
function otherFinding(entry: KernelLogEntry, ledger: MappingTracker | null): TraceFinding[] {
  const { facts, line, row, seconds } = entry;
  if (row === null || row.role !== "report") return [];
  const cause = causeOf(row, facts);
  const kind = cause?.finding === undefined ? row.finding ?? null : cause.finding;
  if (kind === null) return [];
  // Beside a trace the unmap itself is judged.
  if (entry.kind === "unmap_warning" && (ledger?.edges.firstSeconds ?? null) !== null) return [];
  const text = (name: string) => typeof facts[name] === "string" ? `${facts[name]}` : null;
  const device = text("device") ?? text("iommu");
  const address = text("address");
  const own: TraceFinding = findingOf({
    kind,
    certainty: cause?.finding === undefined ? "proved" : cause.certainty,
    logLine: line,
    device,
    address: address === null ? null : loggedAddress(address),
    seconds,
    stamp: entry.stamp,
    rule: MESSAGE_KINDS[entry.kind].rule,
    text: sentenceOf(wordsOf(row.means, facts)),
    ...cause === null ? {} : { why: causeText(cause, facts) },
    next: stepsOf(entry, row),
    more: {
      ...cause === null ? {} : { cause: cause.id },
      ...typeof facts.size_bytes === "number" ? { size_bytes: facts.size_bytes } : {},
    },
  });
  for (const mapping of facts.class === "leak_at_unbind" ? ledger?.open() ?? [] : []) {
    if (mapping.addr !== own.address || mapping.device?.name !== device) continue;
    const text = "the driver was unbound while this mapping was live";
    return [{ ...own, kind: "leak", rule: "trace.T.66", text, line: mapping.mappedAt.line }];
  }
  return [own];
}

/**
 * Joins the records of a kernel's log with the ledger of a trace. For each fault it finds the cause,
 * and for each other log line the finding that the line is about.
 *
 * @see rules/traces.md T.61 to T.63
 */
import { countBefore } from "@dmalab/runtime/basics";
import type { LogBoots, LoggedBoot } from "../kernel_log/boots.ts";
import type { DeviceNames } from "../kernel_log/device_names.ts";
import type { KernelLogEntry } from "../kernel_log/entry.ts";
import { causeTexts, stepsOf } from "../kernel_log/entry_steps.ts";
import { faultSteps } from "../kernel_log/fault_steps.ts";
import { FollowedEntries } from "../kernel_log/followed_entry.ts";
import type { LogEntryFacts } from "../kernel_log/log_facts.ts";
import { MESSAGE_KINDS } from "../kernel_log/messages/kinds.ts";
import { causeOf, certaintyOf, type MessageRow, wordsOf } from "../kernel_log/messages/message.ts";
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
  type TraceFinding,
} from "./traced_mapping.ts";
import { pageOf } from "../owner/pages.ts";
import { aboutKind, type FindingKind } from "./finding_kinds.ts";
import type { PageHistory } from "./page_history.ts";

export interface ClassifiedLog {
  readonly findings: readonly TraceFinding[];
  readonly offset: ClockOffset | null;
  readonly pairs: readonly LogPair[];
  /** The boot in which the trace was recorded; null if the boot is not known, or if there is no log. */
  readonly boot: LoggedBoot | null;
}

/** Facts that lines give which are not about DMA: clocks, boots, names of devices. */
export interface KnownLog {
  /** Time in the trace minus time in the log, for each mark that is in both files. */
  readonly marks: readonly (ClockDifference & { readonly boot: LoggedBoot | null })[];
  readonly boots: LogBoots;
  readonly names: DeviceNames;
}

/** No known trace clock was further from the log's clock than this. */
const FURTHEST_SECONDS = 60;
/**
 * Limit above every measured offset: in runs with lines of both clocks, the clocks were at most
 * 2.63 seconds apart. @see rules/traces.md T.61
 */
const MEASURED_SECONDS = 3;
/** A fault printed this long after the last line of a trace is outside the trace. */
const LATE_SECONDS = 0.5;
/**
 * The largest number of faults from which the clock offset is computed if nothing else gives it.
 * `MAX_OFFSETS` is the number of offsets that are tried, the one nearest to 0 first.
 */
const MAX_TIED = 64;
const MAX_OFFSETS = 1 << 12;
/**
 * An explanation is likely if it fits for at least this share of the time in which any explanation
 * fits.
 */
const LIKELY_SHARE = 0.9;
/** How much later the log line of a call is printed than its trace line. */
const PRINTED_SECONDS = 0.001;

/** The text for a mapping fault in a line with a masked address. */
const NO_ADDRESS = "no verdict: the line has no address that can be read";

export const FAULT_RULE = "trace.T.62";

/** Pages that the faults of a log are about; the ledger must keep their history. */
export function faultPages(entries: readonly KernelLogEntry[]): number[] {
  return entries.flatMap((entry) => {
    const address = refusedAccess(entry)?.address ?? null;
    return address === null ? [] : [pageOf(address)];
  });
}

/** Devices with an access that an IOMMU refused. */
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
  { boots, marks, names }: KnownLog,
): ClassifiedLog {
  const [first = null, second] = boots.list;
  if (second === undefined || ledger.edges.firstSeconds === null) {
    return classifyBoot(entries, ledger, history, timed, { marks, boot: first, names });
  }
  const byBoot = Map.groupBy(entries, (entry) => boots.of(entry)!);
  const boot = tracedBoot(byBoot, timed, marks);
  const untied = boots.list.filter((each) => each !== boot).flatMap((each) => {
    const entries = byBoot.get(each) ?? [];
    if (boot !== null) return entries.flatMap((entry) => ofOtherBoot(entry, each, boot));
    return classifyBoot(entries, ledger, history, [], { marks: [], boot: each, names }).findings
      .map((finding) => ofUnknownBoot(finding, each));
  });
  if (boot === null) return { findings: untied, offset: null, pairs: [], boot };
  const ownMarks = marks.filter((mark) => mark.boot === boot);
  const own = classifyBoot(
    byBoot.get(boot) ?? [],
    ledger,
    history,
    timed,
    { marks: ownMarks, boot, names },
  );
  return { ...own, findings: [...own.findings, ...untied] };
}

/**
 * The boot in which the trace was recorded: the boot with most of the collector's marks. Without marks, it is the boot with most
 * lines that match calls of the trace. Null if two boots have equally many.
 */
function tracedBoot(
  byBoot: ReadonlyMap<LoggedBoot, readonly KernelLogEntry[]>,
  timed: readonly TimedFinding[],
  marks: KnownLog["marks"],
): LoggedBoot | null {
  const marked = [...Map.groupBy(marks, ({ boot }) => boot)]
    .map(([boot, marks]) => ({ boot, count: marks.length }));
  const called = () =>
    [...byBoot].map(([boot, entries]) => ({ boot, count: pairFindings(entries, timed).length }));
  const [most, next] = (marked.length > 0 ? marked : called()).sort((a, b) => b.count - a.count);
  return most === undefined || most.count === (next?.count ?? 0) ? null : most.boot;
}

/** Findings for an entry of another boot than the trace's: they use the log alone. */
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

/** Changes a finding for a log that has several boots, if the trace may be of any of them. */
function ofUnknownBoot(finding: TraceFinding, { line, number }: LoggedBoot): TraceFinding {
  const isOfTrace = finding.line !== null ||
    finding.rule === FAULT_RULE && finding.kind !== "error_value";
  const text = `${finding.text}, in boot ${number} (from log line ${line} on)`;
  if (!isOfTrace) return { ...finding, text };
  const certainty = finding.certainty === "unknown" ? "unknown" : "possible";
  return { ...finding, certainty, text: `${text}, if the trace is of this boot` };
}

/** What is known of one boot. */
interface KnownBoot extends Pick<KnownLog, "names"> {
  readonly marks: readonly ClockDifference[];
  readonly boot: LoggedBoot | null;
}

function classifyBoot(
  entries: readonly KernelLogEntry[],
  ledger: MappingTracker,
  history: PageHistory,
  timed: readonly TimedFinding[],
  { boot, marks, names }: KnownBoot,
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
  const followed = new FollowedEntries(entries, names);
  const windows = new LogWindows(offset, pairs, ledger.edges);
  const classify = (entry: KernelLogEntry): TraceFinding[] => {
    if (isFault(entry)) {
      const window = windows.of(entry);
      return [
        faultFinding(entry, accesses.get(entry) ?? null, offset, window, { ledger, verdicts }),
      ];
    }
    if (paired.has(entry)) return [];
    return entry.kind === "map_failed"
      ? failedMap(entry, followed, ledger)
      : otherFinding(entry, ledger);
  };
  return {
    findings: [...entries.flatMap(classify), ...lostFault(entries)],
    offset,
    pairs,
    boot,
  };
}

/**
 * Converts lines of a log into windows of the trace's time. A pair is a line
 * of the log and a line of the trace about the same event. A window lies between the pair before
 * the log line and the pair after it.
 */
class LogWindows {
  readonly #pairLines: readonly number[];
  /**
   * For each pair, the latest time among this pair and all pairs before it. `#earliest` has the
   * earliest time among this pair and all pairs after it.
   */
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
    // Without a time or an offset, only the order of lines limits the window.
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

/** The memory access that an entry reports; null if it reports none. */
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

/**
 * Finds the offset that explains the most faults. Used if no line of the log matches a call of the
 * trace.
 */
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
  // 0 is a candidate too. The kernel's boot message describes one clock, but the trace may use
  // another clock, which is close to the log's clock.
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
    const hasNoAddress = row === null && refused?.isAboutMappings === true;
    return finding("iommu_fault", "unknown", {
      ...lineOfFault(entry),
      ...hasNoAddress ? { text: NO_ADDRESS } : {},
    });
  }
  const { ledger, verdicts } = known;
  const { edges } = ledger;
  const outside = window === null ? null : outsideText(window, edges);
  if (ledger.isTableAlone && window !== null && outside === null) {
    return tableFault({ ...access, device: null }, window, verdicts, finding);
  }
  if (edges.firstSeconds === null) return finding("iommu_fault", "unknown", lineOfFault(entry));
  if (access.device === null || window === null || outside !== null) {
    const why = place === null ? "the line names no device" : outside ??
      (access.device === null
        ? "the trace has no mapping of the device"
        : "no time ties the line to the trace");
    return finding("iommu_fault", "unknown", { text: `no verdict: ${why}` });
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

/** What the line of a fault says by itself, without the mappings of a trace. */
function lineOfFault(entry: KernelLogEntry): Pick<TraceFinding, "text" | "why" | "next"> {
  const { facts, fault, row } = entry;
  if (fault !== null) {
    const { means, name } = fault;
    const text = `${fault.access === null ? "refused" : `a ${fault.access} was refused`}: ${name}`;
    return { text, ...means === "" ? {} : { why: means }, next: faultSteps(fault) };
  }
  return { text: sentenceOf(wordsOf(row!.means, facts)), next: stepsOf(entry, row!) };
}

/** Formats how far a time is outside the trace; null if it may be inside. */
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

/** An access, its device (which occurs in the trace), and the window of the access's time. */
interface KnownAccess {
  readonly access: FaultedAccess;
  readonly device: Device;
  readonly window: Window;
  /** Whether the clocks are tied by lines that both files have. */
  readonly isExact: boolean;
  /**
   * Whether the offset between the clocks is known at all. If it is not, only the order of lines
   * can show that the access was within the trace.
   */
  readonly isTied: boolean;
  /**
   * Whether the offset was chosen only because it explains the faults, and is larger than any
   * measured offset. Another offset may be as good.
   */
  readonly isGuessed: boolean;
}

export type MakeFinding = (
  kind: FindingKind,
  certainty: Certainty,
  more?: Partial<TraceFinding>,
) => TraceFinding;

/** Formats a distance in time, such as "9987 s". */
function distanceText(seconds: number): string {
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}

/** Finds the cause of an access by the mappings of its page at the time. */
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
    // If the offset of the clocks is unknown, there are two possibilities: the log line is older
    // than the map, or the mapping allowed the access.
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
  // Whether lines are missing since the mapping was made, or since its unmap if it has one. In
  // these lines the mapping may have been unmapped, or another mapping of the page may have been
  // live.
  const isUncertain = mapping !== null && mapping.device !== null &&
    (mapping.unmappedAt === null
      ? ledger.isUncertain(mapping)
      : mapping.unmappedAt.line < ledger.edges.lostLine);
  return finding(verdict.kind, isUncertain ? "possible" : certainty, {
    ...candidateOf(verdict),
    ...candidates.length > 1 ? { candidates } : {},
  });
}

/** A live mapping of the access's device for memory at this physical address. */
function livePhysical({ device, page }: FaultedAccess, window: Window, { history }: FaultVerdicts) {
  return history.atPhys(page).find((mapping) =>
    mapping.device === device && isLiveWithin(mapping, window)
  );
}

/** A live mapping of the same owner with the same low address bits. */
function liveWithLowBits(
  { device, page }: FaultedAccess,
  window: Window,
  { history }: FaultVerdicts,
) {
  return history.atLowBits(page).find((mapping) =>
    mapping.device === device && isLiveWithin(mapping, window)
  );
}

/** The likeliest candidate of each kind. */
function candidatesOf({ candidates }: WindowVerdict): FaultCandidate[] {
  const kinds = new Map<FindingKind, FaultCandidate>();
  for (const each of candidates) {
    kinds.getOrInsertComputed(each.kind, () => candidateOf(each));
  }
  return [...kinds.values()];
}

/** A candidate cause with its trace lines. */
function candidateOf({ kind, mapping }: TracedFaultVerdict): FaultCandidate {
  const isUnmapped = kind === "use_after_unmap" && mapping?.device !== null;
  return {
    kind,
    line: isUnmapped ? mapping!.unmappedAt!.line : mapping?.mappedAt.line ?? null,
    otherLine: isUnmapped ? mapping!.mappedAt.line : null,
  };
}

/**
 * Classifies a fault by lines of page tables alone. These lines give the history of the page, but
 * not the owner of the page table, because all domains allocate the same addresses.
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

/**
 * The verdict that a page was never mapped. It requires that the trace has no gap after the
 * device's first mapping, and that it has the events of the device's page table.
 */
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

/**
 * Returns a finding that there was a fault, if a log reports that fault records were lost and the
 * log contains no fault.
 */
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

/** Changes a sentence so that it can be a part of another sentence. */
function sentenceOf(text: string): string {
  return /^(?:[A-Z][a-z]|A )/.test(text) ? `${text[0]!.toLowerCase()}${text.slice(1)}` : text;
}

/**
 * The finding of a driver's own line about a failed map. It has none if an earlier line with a
 * finding has the reason, or if a trace shows the map itself.
 */
function failedMap(
  entry: KernelLogEntry,
  followed: FollowedEntries,
  ledger: MappingTracker,
): TraceFinding[] {
  const { facts, line, row, seconds, stamp } = entry;
  const isTraced = ledger.edges.firstSeconds !== null;
  if (row === null || isTraced || followed.of(entry) !== null) return [];
  return [findingOf({
    kind: "map_failed",
    certainty: row.condition === undefined ? "likely" : "proved",
    logLine: line,
    device: typeof facts.device === "string" ? facts.device : null,
    seconds,
    stamp,
    rule: MESSAGE_KINDS[entry.kind].rule,
    text: `${sentenceOf(wordsOf(row.means, facts))}; no line of the log has the reason`,
  })];
}

/**
 * How sure the finding of a message is. A kind whose name says why (`swiotlb_full`) is never more
 * certain than `likely` while the cause is not proved.
 */
function reportCertainty(row: MessageRow, facts: LogEntryFacts, kind: FindingKind): Certainty {
  const cause = causeOf(row, facts);
  if (cause?.finding !== undefined) return certaintyOf(row, facts, cause);
  if (row.condition === undefined) return "likely";
  const isSaid = cause === null || aboutKind(kind).saysWhy !== true;
  return isSaid || certaintyOf(row, facts, cause) === "proved" ? "proved" : "likely";
}

/**
 * Findings that a message proves without a trace.
 * @param ledger The ledger of the same boot, or null.
 */
function otherFinding(entry: KernelLogEntry, ledger: MappingTracker | null): TraceFinding[] {
  const { facts, line, row, seconds } = entry;
  if (row === null || row.role !== "report") return [];
  const cause = causeOf(row, facts);
  const kind = cause?.finding === undefined ? row.finding ?? null : cause.finding;
  if (kind === null) return [];
  // If there is a trace, the unmap itself is judged by the trace.
  if (entry.kind === "unmap_warning" && (ledger?.edges.firstSeconds ?? null) !== null) return [];
  const text = (name: string) => typeof facts[name] === "string" ? `${facts[name]}` : null;
  const device = text("device") ?? text("iommu");
  const address = text("address");
  const own: TraceFinding = findingOf({
    kind,
    certainty: reportCertainty(row, facts, kind),
    logLine: line,
    device,
    address: address === null ? null : loggedAddress(address),
    seconds,
    stamp: entry.stamp,
    rule: MESSAGE_KINDS[entry.kind].rule,
    text: sentenceOf(wordsOf(row.means, facts)),
    ...cause === null ? {} : { why: causeTexts(row, facts).join(". Or ") },
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

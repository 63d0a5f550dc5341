/** Formats the result of a check as one JSON object, and as text. */
import { maxOf, minOf } from "@dmalab/runtime/basics";
import { foldLine, formatCount, wrapText } from "@dmalab/lang/text";
import { ERROR_ADDRESS } from "../line/payload.ts";
import { entryJson } from "../kernel_log/entry.ts";
import { labelledLines } from "../kernel_log/labelled_lines.ts";
import { problemLines } from "../kernel_log/problem_lines.ts";
import { isUndecided, modeEvidence, modeOf } from "./device_mode.ts";
import { limitsSeen } from "./queue_use.ts";
import { type Device, isSure, type TracedMapping, type TraceFinding } from "./traced_mapping.ts";
import type { CheckResult, LogPass, TraceCheck } from "./trace_check.ts";
import { FAULT_RULE } from "./classify_log.ts";
import { aboutKind } from "./finding_kinds.ts";
import { THIN_EVENTS } from "./findings.ts";
import { clockLines } from "../clocks/trace_clocks.ts";
import { isOpenFault, judgementLines, judgementOf, nextSteps } from "./judgement.ts";
import { emulatorJson, refusalLines, round } from "../clocks/emulator_report.ts";

/** After a fault of its device, a request times out within this time: twice the driver's timeout limit. */
const STORY_SECONDS = 60;

function hex(address: number | null): string | null {
  if (address === null) return null;
  return address === ERROR_ADDRESS ? "0xffffffffffffffff" : `0x${address.toString(16)}`;
}

/** The whole result as JSON, with the names in `tests/golden/traces/README.md`. */
export function checkJson(check: TraceCheck, log: LogPass, result: CheckResult) {
  const { balance, next_steps, stories, summary } = reportOf(check, log, result);
  return {
    summary,
    balance,
    findings: result.findings.map(findingJson),
    stories,
    next_steps,
    kernel_log: log.entries.map(entryJson),
  };
}

/** The result except the findings, of which there can be a hundred thousand. */
function reportOf(check: TraceCheck, log: LogPass, result: CheckResult) {
  const { ledger } = check;
  const { offset } = result.classified;
  const certainties = { proved: 0, likely: 0, possible: 0, unknown: 0 };
  for (const { certainty } of result.findings) certainties[certainty]++;
  return {
    summary: {
      lines: check.lines,
      events: check.events,
      kernel: kernelOf(check, result),
      seconds: ledger.edges.firstSeconds === null
        ? 0
        : ledger.edges.lastSeconds - ledger.edges.firstSeconds,
      gaps: check.gaps,
      overwritten: check.overwritten,
      missing_events: check.ledger.edges.missingEvents,
      overrun: log.facts.overrun,
      ...log.crash === null ? {} : { crash: log.crash },
      damaged_lines: damagedLines(check),
      other_lines: check.otherLines,
      unknown_lines: check.unknownLines,
      understood_events: check.understood,
      failed_to_parse: check.rawRecords,
      ...check.apart.length === 0 ? {} : { apart: check.apart },
      clock_offset: offset === null ? null : {
        trace_minus_dmesg_seconds: round(offset.seconds),
        spread_seconds: round(offset.spreadSeconds),
        pairs: offset.pairs,
        source: offset.source,
      },
      boots: log.boots.list.map((boot) => ({
        line: boot.line,
        kernel: boot.version,
        of_trace: boot === result.classified.boot,
      })),
      qemu: emulatorJson(log.qemu, log.entries),
      findings: certainties,
      limits: limitsSeen(ledger.requests.uses, log.facts.limits),
      devices: Object.fromEntries(
        [...ledger.devices.values()].map((device) => [device.name, {
          mode: modeOf(device),
          mode_evidence: modeEvidence(device),
          iommu_group_type: log.facts.groupTypes.get(device.name) ?? null,
          ...device.counts,
        }]),
      ),
    },
    balance: balanceOf(check, result),
    stories: storiesJson(check, log, result),
    next_steps: nextSteps(result.findings.filter((each) => isSure(each) || isOpenFault(each))),
  };
}

/**
 * Timeouts that follow a fault of the same device, because a request with a refused access never
 * completes.
 */
function storiesJson({ ledger }: TraceCheck, log: LogPass, { findings }: CheckResult) {
  const faults = findings.filter(({ rule }) => rule === FAULT_RULE);
  const byBoot = Map.groupBy(log.entries, (entry) => log.boots.of(entry));
  return [...byBoot.values()].flatMap((entries) =>
    entries.flatMap(({ facts: { controller }, kind, line, seconds }) => {
      if (kind !== "nvme_timeout" || typeof controller !== "string" || seconds === null) return [];
      const device = ledger.requests.deviceOf({ controller })?.name;
      const fault = entries.findLast((each) =>
        each.kind === "iommu_fault" && each.line < line && each.seconds !== null &&
        seconds - each.seconds <= STORY_SECONDS &&
        faults.some((finding) => finding.logLine === each.line && finding.device === device)
      );
      if (device === undefined || fault === undefined) return [];
      const after = { fault_line: fault.line, timeout_line: line };
      return [{ controller, device, ...after, seconds: round(seconds - fault.seconds!) }];
    })
  );
}

function storyLines(stories: ReturnType<typeof storiesJson>, log: string): string[] {
  return stories.flatMap(({ controller, device, fault_line, seconds, timeout_line }) => [
    "",
    `a fault and its timeout: ${controller} (${device}) timed out at ${log}:${timeout_line}, ` +
    `${seconds.toFixed(1)} s after its fault at ${log}:${fault_line}`,
  ]);
}

/**
 * Counts for each device. The number of maps is the sum of unmaps, live and uncertain mappings;
 * two-step ranges are counted separately.
 */
function balanceOf(check: TraceCheck, { live, uncertain }: CheckResult) {
  const { ledger } = check;
  const { table } = ledger;
  const aliveAtEnd: Record<string, number> = {};
  const [liveOf, uncertainOf] = [countByDevice(live), countByDevice(uncertain)];
  for (const [{ name }, { byKind }] of [...liveOf, ...uncertainOf]) {
    for (const [kind, count] of byKind) {
      const key = `${name} ${kind}`;
      aliveAtEnd[key] = (aliveAtEnd[key] ?? 0) + count;
    }
  }
  const doorbells = table.doorbells();
  const devices = [...ledger.devices.values()];
  const folded = new Map(devices.map((device) => [device, foldedCount(device)]));
  for (const [{ name }, count] of folded) {
    if (count > 0) aliveAtEnd[`${name} map`] = (aliveAtEnd[`${name} map`] ?? 0) + count;
  }
  return {
    closed_lives: devices.reduce((sum, { unmapCount }) => sum + unmapCount, 0),
    alive_at_end: aliveAtEnd,
    born_before_trace: Object.fromEntries(
      devices.filter(({ mappedBeforeTrace }) => mappedBeforeTrace > 0)
        .map(({ mappedBeforeTrace, name }) => [name, mappedBeforeTrace]),
    ),
    doorbells: doorbells.map(({ line }) => line),
    two_step: {
      links: table.maps - table.claimedMaps - doorbells.length,
      ranges_ended: ledger.isTableAlone ? table.unmaps - table.claimedUnmaps : table.rangeEnds,
      links_never_unmapped: table.openRuns().flatMap(({ maps }) => maps.map(({ line }) => line)),
    },
    devices: Object.fromEntries(devices.map((device) => [device.name, {
      births: device.mapCount,
      deaths: device.unmapCount,
      alive: (liveOf.get(device)?.count ?? 0) + folded.get(device)!,
      uncertain: device.uncertain + (uncertainOf.get(device)?.count ?? 0),
    }])),
  };
}

/** Counts the mappings of each device, in total and by kind. */
function countByDevice(mappings: readonly TracedMapping[]) {
  const counts = new Map<Device, { count: number; byKind: Map<TracedMapping["kind"], number> }>();
  for (const { device, kind } of mappings) {
    const counted = counts.getOrInsertComputed(device!, () => ({ count: 0, byKind: new Map() }));
    counted.count++;
    counted.byKind.set(kind, (counted.byKind.get(kind) ?? 0) + 1);
  }
  return counts;
}

function foldedCount({ folded, foldedElsewhere }: Device): number {
  return [...folded?.values() ?? []].reduce((sum, count) => sum + count, foldedElsewhere);
}

/**
 * Formats a finding as one line, for a stream. Line numbers are counted from the first line that was
 * read.
 */
export function findingLine(finding: TraceFinding): string {
  const { certainty, kind, line, rule } = finding;
  const names = { trace: "line ", log: "log line " };
  return `${certainty}: ${kind} ${findingText(finding, names)} (${
    line === null ? "" : `line ${line}, `
  }${rule})`;
}

function findingJson(finding: TraceFinding) {
  const { address, candidates, certainty, device, kind, line, logLine, more, otherLine } = finding;
  const { rule, seconds, text, why } = finding;
  return {
    kind,
    line,
    other_line: otherLine,
    log_line: logLine,
    device,
    address: hex(address),
    certainty,
    rule,
    text,
    seconds,
    ...more,
    ...why === undefined ? {} : { why },
    ...candidates === undefined ? {} : {
      candidates: candidates.map(({ kind, line, otherLine }) => {
        return { kind, line, other_line: otherLine, decides: aboutKind(kind).decides ?? null };
      }),
    },
  };
}

/**
 * The kernel's version, determined from the names of the trace's events and from the log's first
 * line.
 *
 * @see rules/traces.md T.60
 */
function kernelOf(check: TraceCheck, { classified: { boot } }: CheckResult): string | null {
  if (boot !== null && boot.version !== null) return boot.version;
  if ("dma_map_phys" in check.events || "dma_unmap_phys" in check.events) return "6.18 or later";
  if ("dma_map_page" in check.events || "dma_unmap_page" in check.events) return "before 6.18";
  return null;
}

/** @param hasLog Whether the log of a whole boot was given. */
function undecidedText(hasLog: boolean): string {
  return "Mode unknown: an IOMMU translates, or the data is bounced; no line of the trace or the log says " +
    `which. Record iommu:* and swiotlb:* too${hasLog ? "" : ", or add the kernel's log"}.`;
}
/** Largest number of findings that are printed; further findings are only counted. */
const DISPLAYED_FINDINGS = 50;
/** Largest number of devices that are printed: those with the most maps. */
const DISPLAYED_DEVICES = 100;
/** Width of the text where there is no terminal. */
const COLUMNS = 100;

/**
 * A summary first, then each finding with its lines, its rule and how sure it is.
 *
 * @param terminal Width of the terminal; null without one.
 */
export function checkLines(
  check: TraceCheck,
  log: LogPass,
  result: CheckResult,
  names: FileNames,
  terminal: number | null = null,
): string[] {
  const { ledger } = check;
  const columns = Math.min(terminal ?? COLUMNS, COLUMNS);
  const { balance, stories, summary } = reportOf(check, log, result);
  const span = `${formatCount(check.lines, "line")}, ${formatCount(check.eventLines, "event")}, ${
    summary.seconds.toFixed(3)
  } s`;
  const wrong = result.findings.filter(isSure);
  const shown = result.findings.filter((each) => each.certainty !== "unknown" || isOpenFault(each));
  const groups = [...Map.groupBy(shown, groupKey).values()];
  const more = formatCount(groups.length - DISPLAYED_FINDINGS, "finding");
  return [
    `${names.trace}: ${span}${summary.kernel === null ? "" : `, kernel ${summary.kernel}`}`,
    ...missingLines(check, log.facts.overrun),
    ...wholeLines(check, wrong, columns),
    ...bootLines(check, log, result, columns),
    ...[
      ...clockLines({ log: result.classified.offset, qemu: log.qemu.tie() }),
      ...refusalLines(log.qemu, log.entries),
    ].map((line) => `  ${line}`),
    ...apartLines(check, columns),
    "",
    ...paragraph([
      ...ledger.isTableAlone
        ? tableLines(balance, names.trace, columns)
        : balanceLines(balance, [...ledger.devices.values()], log, names.trace, columns),
      ...doorbellLines(balance, names.trace, columns),
      ...check.bounces.lines().flatMap((line) => wrapText(line, columns)),
      ...limitLines(summary.limits, names.trace),
    ]),
    ...groups.slice(0, DISPLAYED_FINDINGS).flatMap((group, index) =>
      groupLines(group, names, placeOfSteps(groups.slice(0, index), group[0]!, names), columns)
    ),
    ...log.unreadable.slice(0, DISPLAYED_FINDINGS).flatMap((fault) => [
      "",
      `unknown: iommu_fault at ${names.log}:${fault.line}   ${FAULT_RULE}`,
      ...problemLines(fault.text, fault).map((line, index) =>
        index === 0 ? `  cannot be read: ${line}` : line
      ),
    ]),
    ...storyLines(stories, names.log),
    ...groups.length > DISPLAYED_FINDINGS ? ["", `… and ${more} more, listed by --json`] : [],
    ...undeterminedLines(check, summary.findings.unknown, columns),
    "",
    ...judgementLines(judgementOf(check, log, result)),
  ].filter((line, index, lines) => line !== "" || lines[index - 1] !== "")
    .flatMap((line) => terminal === null ? [line] : foldLine(line, terminal));
}

/** What a trace does not show. A log alone has no mappings of which it could be said. */
function undeterminedLines({ ledger }: TraceCheck, unknown: number, columns: number): string[] {
  if (ledger.edges.firstSeconds === null) return [];
  return [
    "",
    ...wrapText(
      `Undetermined: ${unknown} (lost events, trace start/end, or mappings legitimately still live). ` +
        "Missing dma_sync calls cannot be detected: traces do not record CPU accesses (trace.T.66).",
      columns,
    ),
  ];
}

/** The lines followed by an empty line; nothing if there are no lines. */
function paragraph(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [...lines, ""];
}

interface FileNames {
  readonly trace: string;
  readonly log: string;
}

function placeText({ line, logLine }: TraceFinding, names: FileNames): string {
  return line !== null ? `${names.trace}:${line}` : `${names.log}:${logLine ?? 0}`;
}

/** Where the steps of a finding are already listed; null if they are not. */
function placeOfSteps(
  groups: readonly (readonly TraceFinding[])[],
  finding: TraceFinding,
  names: FileNames,
): string | null {
  const key = nextSteps([finding]).join("\n");
  const same = groups.find(([first]) => nextSteps([first!]).join("\n") === key);
  return same === undefined || key === "" ? null : placeText(same[0]!, names);
}

/**
 * Prints a finding, or several alike: what, why, when, and what to do.
 *
 * @param stepsAt The place of an earlier finding with the same steps, or null.
 */
function groupLines(
  [finding, ...alike]: readonly TraceFinding[],
  names: FileNames,
  stepsAt: string | null,
  columns: number,
): string[] {
  const labelled = (label: string, text: string) => labelledText(label, text, columns);
  const { certainty, kind, rule, why = "" } = finding!;
  const where = placeText(finding!, names);
  const steps = stepsAt === null ? nextSteps([finding!]) : [`as for ${stepsAt}`];
  const text = findingText(
    finding!,
    { trace: `${names.trace}:`, log: `${names.log}:` },
    addressesText([finding!, ...alike]),
  );
  return [
    "",
    `${certainty}: ${kind} at ${where}   ${rule}`,
    ...labelled("what", text),
    ...labelled("why", why),
    ...candidateLines(finding!, names.trace, columns),
    ...labelled("when", whenText([finding!, ...alike])),
    ...steps.flatMap((step, index) => labelled(index === 0 ? "next" : "", step)),
  ];
}

/**
 * The key by which findings are grouped for printing. One group contains leaks that are alike, faults with the
 * same cause, or log lines that differ only in their numbers.
 */
function groupKey(finding: TraceFinding): unknown {
  const { address, candidates, certainty, device, kind, line, more, otherLine, rule, text } =
    finding;
  if (line === null && (rule !== FAULT_RULE || certainty === "unknown")) {
    return `${certainty} ${kind} ${device} ${more.cause} ${withoutNumbers(text)}`;
  }
  if (rule === FAULT_RULE) {
    const kinds = candidates?.map((each) => each.kind);
    return `${certainty} ${kind} ${device} ${address} ${
      kinds === undefined ? line : kinds
    } ${text}`;
  }
  return kind === "leak" && otherLine === null ? `${certainty} ${device} ${text}` : finding;
}

function withoutNumbers(text: string): string {
  return text.replace(/0x[0-9a-f]+|\d+(?:\.\d+)?(?: [KMG]iB)?/gi, "#");
}

/**
 * The address of a group of findings. If the group has several addresses, the text has their number,
 * the first address and the last.
 */
function addressesText(group: readonly TraceFinding[]): string | null {
  const addresses = [...new Set(group.flatMap(({ address }) => address ?? []))];
  if (addresses.length < 2) return hex(addresses[0] ?? null);
  const [least, most] = [minOf(addresses), maxOf(addresses)];
  return `${addresses.length} addresses from ${hex(least)} to ${hex(most)}`;
}

/** Largest number of lines of a group that are printed. */
const MAX_LINES = 10;

/** Formats when, how often and where the findings of a group occurred. */
function whenText(group: readonly TraceFinding[]): string {
  const times = group.flatMap(({ seconds, stamp }) =>
    seconds === null || stamp === "" ? [] : stamp ?? `${seconds.toFixed(6)} s`
  );
  const [first, last] = [times[0], times.at(-1)];
  if (group.length === 1) return times.length === 0 ? "" : `at ${first}`;
  const span = times.length === 0
    ? ""
    : first === last
    ? `, at ${first}`
    : `, from ${first} to ${last}`;
  const lines = group.slice(1, MAX_LINES + 1).map(({ line, logLine }) => logLine ?? line);
  const rest = group.length - 1 - MAX_LINES;
  const more = rest > 0 ? ` and ${rest} more, listed by --json` : "";
  const isAlike = group.every(({ text, why }) => text === group[0]!.text && why === group[0]!.why);
  return `${formatCount(group.length, "time")}${span}; also ${
    lines.length === 1 ? "line" : "lines"
  } ${lines.join(", ")}${more}${isAlike ? "" : ", with other numbers"}`;
}

function labelledText(label: string, text: string, columns: number): string[] {
  return text === "" ? [] : labelledLines(label, text, 6, columns);
}

function findingText(
  finding: TraceFinding,
  names: FileNames,
  address = hex(finding.address),
) {
  const { device, logLine, otherLine, text } = finding;
  const parts = [
    [device, address].filter((part) => part !== null).join(" "),
    text,
    ...otherLine === null ? [] : [`see ${names.trace}${otherLine}`],
    ...logLine === null || finding.line === null ? [] : [`kernel log: ${names.log}${logLine}`],
  ];
  return parts.filter((part) => part !== "").join("; ");
}

/**
 * The possible causes of a fault if several causes fit, and the facts that would show which one it
 * is.
 */
function candidateLines(
  { candidates = [] }: TraceFinding,
  trace: string,
  columns: number,
): string[] {
  return candidates.flatMap(({ kind, line }, index) => {
    const { decides = "", fault = "" } = aboutKind(kind);
    const place = line === null ? "" : ` (${trace}:${line})`;
    const text = `${index + 1}. ${kind}${place}: ${fault}${decides === "" ? "" : `; ${decides}`}`;
    return labelledText("", text, columns);
  });
}

function damagedLines({ damagedFaults, ledger }: TraceCheck): readonly number[] {
  return [...ledger.damaged, ...damagedFaults].sort((a, b) => a - b);
}

/** The share of a file's lines that was read, if not all lines were read. */
function shareLines(check: TraceCheck): string[] {
  const { eventLines, unknownLines } = check;
  const damaged = damagedLines(check).length;
  // A file without any event is a log. Every line of a log counts as a message, so no share is
  // printed.
  if (eventLines === 0) return [];
  const all = eventLines + unknownLines;
  const read = all - unknownLines - damaged;
  if (read === all) return [];
  // At most 99.9: the file was not read completely.
  const percent = Math.min(99.9, Math.floor(1000 * read / all) / 10);
  const parts = [
    ...damaged === 0 ? [] : [`${formatCount(damaged, "event")} damaged`],
    ...unknownLines === 0 ? [] : [`${formatCount(unknownLines, "line")} of no known form`],
  ];
  return [`  read in part: ${percent} % of ${formatCount(all, "line")} (${parts.join(", ")})`];
}

function missingLines(check: TraceCheck, overrun: number): string[] {
  const lost = check.gaps.reduce((sum, { count }) => sum + (count ?? 0), 0);
  return [
    ...check.gaps.length === 0
      ? []
      : [`  ${formatCount(check.gaps.length, "gap")}: ${formatCount(lost, "event")} lost`],
    ...check.overwritten === 0
      ? []
      : [`  ${formatCount(check.overwritten, "event")} overwritten before the first line`],
    ...overrun === 0
      ? []
      : [`  ${formatCount(overrun, "event")} overwritten in the ring buffers, by their counts`],
    ...countLines(check.ledger.edges.missingEvents ?? 0),
    ...check.ledger.edges.isNewestFirst
      ? [
        "  times fall from line to line: the newest line stands first, and nothing is proved; turn the file around (tac FILE)",
      ]
      : check.ledger.edges.backLine === 0
      ? []
      : [
        `  times go back at line ${check.ledger.edges.backLine}: another recording or CPU; nothing is proved across it`,
      ],
    ...damagedLines(check).length === 0
      ? []
      : [`  ${formatCount(damagedLines(check).length, "damaged line")}`],
    ...shareLines(check),
    ...check.ledger.isTableAlone
      ? ["  no dma:* events: page-table lines name no device (docs/traces.md says how to get them)"]
      : [],
  ];
}

/** Reports that a file has fewer events than its header counts. */
function countLines(missing: number): string[] {
  if (missing === 0) return [];
  const counted = `  ${formatCount(missing, "event")} fewer than the header counts`;
  if (missing < THIN_EVENTS) return [counted];
  return [
    counted,
    "  the file is a part of a trace, or was filtered: nothing is proved that a missing line could explain",
  ];
}

/**
 * Reports how many findings hold only if the file has all lines. This is printed if the file has no
 * header with the number of its events.
 */
function wholeLines(
  check: TraceCheck,
  sure: readonly TraceFinding[],
  columns: number,
): string[] {
  const resting = sure.filter(({ since }) => since !== null).length;
  if (check.isCounted || resting === 0) return [];
  return wrapText(
    "no header counts the events (entries-in-buffer), so that the file is taken to be a whole recording: " +
      `${formatCount(resting, "finding")} ${
        resting === 1 ? "holds" : "hold"
      } only if no line is missing`,
    columns - 2,
  ).map((line) => `  ${line}`);
}

/** Describes the boots of a log with several boots: mappings and clocks start anew at each. */
function bootLines(
  { eventLines }: TraceCheck,
  { boots }: LogPass,
  { classified: { boot } }: CheckResult,
  columns: number,
): string[] {
  if (boots.list.length < 2) return [];
  const places = boots.list.map(({ line, number }) => `${number} from line ${line}`).join(", ");
  const which = boot !== null
    ? `; the trace is of boot ${boot.number}`
    : eventLines > 0
    ? "; no line says of which boot the trace is: give the log of that boot alone (journalctl -k -b N)"
    : "";
  return labelledLines(
    "",
    `the log has ${boots.list.length} boots (${places})${which}`,
    0,
    columns,
  );
}

/** Says that the log may not be that of the trace, and why. */
function apartLines({ apart }: TraceCheck, columns: number): string[] {
  if (apart.length === 0) return [];
  const text = `the log may not be of this trace: ${apart.join("; ")}`;
  return wrapText(text, columns - 2).map((line) => `  ${line}`);
}

/** Compares the largest requests with the limits of their queues. */
function limitLines(
  limits: ReturnType<typeof limitsSeen>,
  trace: string,
): string[] {
  return limits.map(({ disk, limit, line, name, over, seen }) =>
    `${disk} ${name}: ${seen} seen of at most ${limit}${over ? ", over the limit" : ""}, ` +
    `${trace}:${line}`
  );
}

/**
 * Reports the page-table maps of a trace without the DMA API's events. Without those events, none
 * of these maps can be called a two-step range.
 */
function tableLines(
  { two_step }: ReturnType<typeof balanceOf>,
  trace: string,
  columns: number,
): string[] {
  const { links, links_never_unmapped, ranges_ended } = two_step;
  return wrapText(
    `page tables: ${formatCount(links, "map")}, ${formatCount(ranges_ended, "unmap")}, ${
      neverUnmapped(links_never_unmapped, "map", trace)
    }`,
    columns,
  );
}

/** Reports the maps of registers for message interrupts, which stay for good. */
function doorbellLines(
  { doorbells: [first, ...more] }: ReturnType<typeof balanceOf>,
  trace: string,
  columns: number,
): string[] {
  if (first === undefined) return [];
  const text = more.length === 0
    ? "1 map is of the register"
    : `${more.length + 1} maps are of registers`;
  return wrapText(
    `${text} for message interrupts, which stay${
      more.length === 0 ? "s" : ""
    } mapped (${trace}:${first})`,
    columns,
  );
}

/**
 * Formats the number of mappings never unmapped, and the lines of the first and the last mapping.
 */
function neverUnmapped(lines: readonly number[], noun: string, trace: string): string {
  const sorted = lines.toSorted((a, b) => a - b);
  const [first, last] = [sorted[0], sorted.at(-1)];
  const places = lines.length === 0
    ? ""
    : first === last
    ? ` (${trace}:${first})`
    : ` (first ${trace}:${first}, last ${trace}:${last})`;
  return `${formatCount(lines.length, noun)} never unmapped${places}`;
}

function balanceLines(
  balance: ReturnType<typeof balanceOf>,
  devices: readonly Device[],
  { boots, facts }: LogPass,
  trace: string,
  columns: number,
): string[] {
  const modes = (device: Device) => {
    const type = facts.groupTypes.get(device.name);
    return type === undefined ? modeOf(device) : `${modeOf(device)} (${type})`;
  };
  const shown = devices.length <= DISPLAYED_DEVICES
    ? devices
    : devices.toSorted((a, b) => b.mapCount - a.mapCount).slice(0, DISPLAYED_DEVICES);
  const hidden = devices.length - shown.length;
  const rows = shown.map((device) => {
    const { alive, births, deaths, uncertain } = balance.devices[device.name]!;
    return [
      device.name,
      modes(device),
      `${births}`,
      `${deaths}`,
      `${alive}`,
      `${uncertain}`,
      `${device.mappedBeforeTrace}`,
    ];
  });
  const head = ["device", "mode", "maps =", "unmaps +", "live +", "unknown", "mapped before trace"];
  const widths = head.map((name, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]!.length), name.length)
  );
  const line = (row: readonly string[]) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd();
  const { links, links_never_unmapped, ranges_ended } = balance.two_step;
  const hasRanges = links + ranges_ended > 0;
  return [
    // The table is omitted for a log alone, which names no device with mappings.
    ...rows.length > 0 ? [line(head), ...rows.map(line)] : [],
    ...hidden > 0
      ? [`… and ${formatCount(hidden, "device")} with fewer maps, listed by --json`]
      : [],
    ...devices.some(isUndecided) ? wrapText(undecidedText(boots.hasStart), columns) : [],
    ...hasRanges
      ? wrapText(
        `two-step: ${formatCount(links, "link")}, ${
          formatCount(ranges_ended, "range")
        } destroyed, ${neverUnmapped(links_never_unmapped, "link", trace)}`,
        columns,
      )
      : [],
  ];
}

/** The result of a run in a line: the failure, its location, its event. */
import {
  type FailureReport,
  type Incident,
  runTitle,
  type TestOutcome,
  triedTexts,
} from "@dmalab/lang/run";
import type { LabTableRow } from "@dmalab/devices";
import { spanPlace } from "@dmalab/lang";
import { formatAddress, formatCount, formatSize, groupThousands } from "@dmalab/lang/text";
import { spanOfEvent } from "../last_writes.ts";
import type { Position } from "../position.ts";
import type { RecordedRun } from "../recorded_run.ts";
import { rowsAt } from "../rows.ts";
import { neverText } from "./meaning.ts";
import { lineLocation } from "./position_view.ts";
import { pictureSubjects } from "./picture.ts";
import type { RunIndex } from "./run_index.ts";
import { isMappingsAlone } from "./strip_drawing.ts";

export interface RunVerdict {
  /** `warned`: nothing failed, but there is an incident to look at. */
  readonly state: "failed" | "warned" | "passed" | "none";
  readonly word: string;
  /** `file:line` of the failure; null for none. */
  readonly place: string | null;
  /** What happened, as a line. */
  readonly what: string;
  /** Further sentences. */
  readonly why: readonly string[];
  /** Number of the event that caused the failure or the incident; null for none. */
  readonly cause: number | null;
  /** Where the run failed: its incident, its leak, or the statement that failed. Null if it did not fail. */
  readonly failedAt: Position | null;
  /** Numbers of the events that made the mappings, page-table entries and IOVA ranges that leaked. */
  readonly leaked: readonly number[];
}

/**
 * What dmalab has found out about a failure by further runs: the smallest case, the defect that causes it, the
 * order of a race with its steps.
 */
const FOUND =
  /^(?:minimal failing case: |fixed by |\d+ of \d+ (?:places leak|fixed by )|in this order of the race |[A-D] +\S+:\d+:\d+ )/;

/** A failure of a trace that is a mapping without an unmap. */
const TRACED_LEAK = /^(?:proved|likely): leak /;

/** Maximum number of further lines of a failure in a verdict. */
const MAX_SENTENCES = 3;

export const VERDICT_SIGNS: Readonly<Record<RunVerdict["state"], string>> = {
  failed: "✕",
  warned: "!",
  passed: "✓",
  none: "·",
};

/**
 * The result of a run.
 * @param outcome The runner's verdict; null without a runner, for example for a trace.
 */
export function verdictOf(index: RunIndex, outcome: TestOutcome | null): RunVerdict {
  const { run } = index;
  const incidents = outcome?.incidents ?? [];
  const failure = run.failure ?? outcome?.failure ?? null;
  const leaked = leakedSeqs(run, incidents, failure);
  if (failure !== null) {
    // The run alone does not know what further runs have found out.
    const notes = (outcome?.failure ?? failure).notes.map((note) => note.trim());
    const found = notes.filter((note) => FOUND.test(note));
    const share = outcome === null ? [] : shareOfEvents(run, outcome);
    return failedVerdict(index, failure, outcome, leaked, found, share);
  }
  const counted = countsOf(index);
  const recorded = rowsAt(run, "incidents", run.last);
  const found = recorded[0]?.createdSeq ?? null;
  if (outcome === null) {
    const live = rowsAt(run, "mappings", run.last).filter(({ createdSeq }) => createdSeq > 0);
    const isClean = recorded.length === 0 && live.length === 0;
    return {
      state: isClean ? "none" : "warned",
      word: "RECORDED",
      place: null,
      what: recorded.length > 0
        ? incidentsText(recorded, "")
        : live.length > 0
        ? `${sizeText(live)} not unmapped at the end`
        : runTitle(run.name),
      why: counted,
      cause: found ?? live[0]?.createdSeq ?? null,
      failedAt: null,
      leaked: [],
    };
  }
  const { assertions, outcome: word, unreached } = outcome;
  const held = assertions === 0
    ? "nothing was asserted"
    : `${formatCount(assertions, "assertion")} held`;
  const unexpected = outcome.unexpectedFaults + outcome.unexpectedReports + outcome.leaks;
  const isOdd = unexpected > 0 || unreached.length > 0 || word === "skipped";
  return {
    state: isOdd ? "warned" : "passed",
    word: word === "skipped" ? "NOT RUN" : unexpected > 0 ? "PASSED, NOT CLEAN" : "PASSED",
    place: null,
    what: runTitle(run.name),
    why: [
      [held, ...triedTexts(outcome), ...counted].join("; "),
      ...shareOfEvents(run, outcome),
      ...shortened(unreached.map((place) => `never reached ${place}`)),
      ...unexpected > 0 ? [`${formatCount(unexpected, "finding")} that no statement expects`] : [],
      ...incidents.filter(({ place }) => place !== null).slice(0, MAX_SENTENCES).map(findingText),
      ...recorded.length > 0 && unexpected === 0 ? [incidentsText(recorded, ", all expected")] : [],
    ],
    cause: found,
    failedAt: null,
    leaked,
  };
}

/** Numbers of faults and reports, and of warnings of the kernel, which no statement expects or misses. */
function incidentsText(rows: readonly LabTableRow<"incidents">[], how: string): string {
  const counted = (wanted: string, noun = wanted) => {
    const { length } = rows.filter(({ kind }) => kind === wanted);
    return length === 0 ? [] : [formatCount(length, noun)];
  };
  const found = [...counted("fault"), ...counted("report")].join(" and ");
  return [...found === "" ? [] : [found + how], ...counted("warning", "kernel warning")].join("; ");
}

function failedVerdict(
  index: RunIndex,
  failure: FailureReport,
  outcome: TestOutcome | null,
  leaked: readonly number[],
  found: readonly string[],
  share: readonly string[],
): RunVerdict {
  const { run } = index;
  const { incidents = [], unexpectedFaults = 0, unexpectedReports = 0 } = outcome ?? {};
  const { code, kind } = failure;
  const [message, ...more] = failure.message.split("\n");
  const statement = run.failedAt === null ? null : run.statementText(run.failedAt);
  const isAssertion = code === "E0901" && statement !== null;
  const [leaking] = failure.leaking ?? [];
  const isLeak = code === "E0926" || leaking !== undefined;
  const leaks = leaking === undefined
    ? leakSentences(run, incidents, leaked)
    : leaking.leaks.slice(0, MAX_SENTENCES).map(({ text }) => `It leaks: ${text}`);
  const findings = incidents.filter(({ isFailure, kind, place }) =>
    (kind === "fault" || kind === "report") && isFailure !== true && place !== null
  );
  const what = isAssertion
    ? `${message}: ${statement}`
    : (code === "E0926" ? leaks.shift() : null) ?? message!;
  // An incident is judged at the end: the last statement is not the one that led to it.
  const isIncident = code === "E0908";
  const further = unexpectedFaults + unexpectedReports - (isIncident ? 2 : 1);
  const [own = ""] = isIncident ? failure.notes : [];
  // The other notes of a leak are in its sentences, those of an assertion are its values.
  if (!isIncident && !isAssertion && !isLeak) more.push(...ownNotes(failure));
  const held = leakedMappings(run, placesOf(incidents, "held", null));
  const why = [
    ...own === "" ? [] : [own.trim()],
    // The sentences of a leak say where it was allocated.
    ...isLeak ? [] : relatedSentences(failure),
    ...isAssertion
      ? assertionSentences(failure)
      : isLeak || own !== "" || statement === null
      ? []
      : [statement],
    ...shortened(more),
    ...leaks,
    ...findings.slice(0, 1).map((finding) =>
      `${isIncident ? "Also" : "Before it"}, a ${finding.kind} that no statement expects: ${
        findingText(finding)
      }${further > 0 ? `; and ${formatCount(further, "more finding")}` : ""}`
    ),
    ...held.length === 0 ? [] : [`It stopped before it unmapped ${sizeText(held)}`],
    ...found,
    ...share,
    ...isMappingsAlone(run) ? [countsOf(index).join(", ")] : [],
  ];
  // An incident has an event of its own, whatever leaks beside it.
  const cause = failure.eventSeq ?? (isIncident ? null : leaked[0]) ??
    causeAt(index, failure.place, findings[0]?.place ?? null);
  return {
    state: "failed",
    word: kind === "failed" ? "FAILED" : kind === "limit" ? "STOPPED" : "BUG",
    place: failure.place.replace(/:\d+$/, ""),
    what,
    why,
    cause,
    failedAt: cause !== null && (isIncident || isLeak || code.startsWith("trace."))
      ? run.afterEvent(cause)
      // A failure that only the runner knows is judged at the end.
      : run.failedAt ?? run.last,
    leaked,
  };
}

/** The notes of a failure that are sentences. Lists, and what further runs have found, are told elsewhere. */
function ownNotes({ notes }: FailureReport): readonly string[] {
  return notes.filter((note) => /^\S.*[^:]$/.test(note) && !FOUND.test(note));
}

/** The first sentences, and how many more there are. */
function shortened(sentences: readonly string[]): readonly string[] {
  const hidden = sentences.length - MAX_SENTENCES;
  if (hidden <= 0) return sentences;
  return [
    ...sentences.slice(0, MAX_SENTENCES),
    `${formatCount(hidden, "more line")} in the output`,
  ];
}

/** A fault, a report or a leak, with its place and in the words of the terminal. */
function findingText({ name, place, resource, text }: Incident): string {
  const said = (resource?.text ?? text).replace(/^Device /, "device ");
  return `${name}, in ${baseName(place!.replace(/:\d+$/, ""))}: ${
    said.replace(/^\w+, [\w.]+: /, "")
  }`;
}

/** The other statements that explain a failure, such as `mapped here: line 5`; those of other files with the file. */
function relatedSentences({ place, related = [] }: FailureReport): readonly string[] {
  const fileOf = (at: string) => at.replace(/(?::\d+){2}$/, "");
  const told = related.slice(0, MAX_SENTENCES).map(({ place: at, text }) => {
    const [line] = at.slice(fileOf(at).length + 1).split(":");
    const where = fileOf(at) === fileOf(place) ? `line ${line}` : baseName(`${fileOf(at)}:${line}`);
    return `${text}: ${where}`;
  });
  return told.length === 0 ? [] : [told.join("; ")];
}

/**
 * Sentences with the values of an assertion, and with the places where two of them differ. The full
 * texts of the two sides are left out.
 */
function assertionSentences({ notes, values }: FailureReport): readonly string[] {
  const known = new Set(values.map(({ part, text }) => `${part} = ${text}`));
  const dump = notes.findIndex((note) => note.includes(" left "));
  const places = dump < 0 ? notes : notes.slice(0, dump);
  return [[...known].join("; "), places.map((note) => note.trim()).join(" ")]
    .filter((sentence) => sentence !== "");
}

export function verdictTitle({ place, state, what, word }: RunVerdict, title: string): string {
  const where = baseName(place ?? title);
  return `${VERDICT_SIGNS[state]} ${where} · ${
    state === "failed" ? what : `${word}: ${what}`
  } · dmalab`;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/**
 * The events that made what leaked: those that the leak report names. A report without events, of another run or
 * of a trace, has places.
 */
function leakedSeqs(
  run: RecordedRun,
  incidents: readonly Incident[],
  failure: FailureReport | null,
): readonly number[] {
  const live = new Set(
    (["mappings", "page_table", "iova"] as const).flatMap((table) =>
      rowsAt(run, table, run.last).map(({ createdSeq }) => createdSeq)
    ),
  );
  const named = incidents.filter(({ kind }) => kind === "leak")
    .flatMap(({ resource }) => resource?.eventSeqs ?? []);
  const unnamed = incidents.filter(({ resource }) => resource?.eventSeqs.length === 0);
  return [
    ...new Set([
      ...named.filter((seq) => live.has(seq)),
      ...leakedMappings(run, placesOf(unnamed, "leak", failure)).map(({ createdSeq }) =>
        createdSeq
      ),
    ]),
  ];
}

/** Each leak in the words of the leak report; a trace has no such report. */
function leakSentences(
  run: RecordedRun,
  incidents: readonly Incident[],
  leaked: readonly number[],
): string[] {
  const leaks = incidents.filter(({ kind }) => kind === "leak");
  if (leaks.length === 0) return leaked.map((seq) => leakSentence(run, seq));
  return leaks.flatMap(({ place, resource, text }) => {
    const { eventSeqs = [], more = 0, text: what = text, with: others = [] } = resource ?? {};
    const made = [
      ...place === null ? [] : [`in ${baseName(place.replace(/:\d+$/, ""))}`],
      ...eventSeqs.slice(0, 1).map((seq) => `event ${seq}`),
    ].join(", ");
    const leak = `Leak: ${what.replace(/^Device /, "device ")}${
      made === "" ? "" : `; made ${made}`
    }${more === 0 ? "" : `, and ${more} more by the same statement`}`;
    return [leak, ...others.length === 0 ? [] : [`Also held: ${others.join("; ")}`]];
  });
}

/** The places of incidents of a kind, and the lines of what leaks in the failed run of an `inject each`. */
function placesOf(
  incidents: readonly Incident[],
  meant: "leak" | "held",
  failure: FailureReport | null,
): ReadonlySet<string | null> {
  const leaks = failure?.leaking?.[0]?.leaks ?? [];
  return new Set([
    ...incidents.filter(({ kind }) => kind === meant).map(({ place }) => place),
    ...meant === "leak" && failure !== null && TRACED_LEAK.test(failure.message)
      ? [failure.place]
      : [],
    // The place of a call, and not of its statement.
    ...leaks.map(({ place }) => place?.replace(/:\d+$/, "") ?? null),
  ]);
}

/**
 * The mappings that leaked, or that a failed test still had: mappings that were made at one of these places and are
 * still live at the end. A reserved IOVA range counts where none of them lies in it.
 */
function leakedMappings(
  run: RecordedRun,
  places: ReadonlySet<string | null>,
): readonly (LabTableRow<"mappings"> | LabTableRow<"iova">)[] {
  if (places.size === 0) return [];
  const madeThere = ({ createdSeq: seq }: { readonly createdSeq: number }) => {
    const span = seq === 0 ? null : spanOfEvent(run, seq);
    return span !== null && (places.has(spanPlace(span)) || places.has(lineLocation(span)));
  };
  const mapped = rowsAt(run, "mappings", run.last).filter(madeThere);
  const reserved = rowsAt(run, "iova", run.last).filter(madeThere).filter((range) =>
    // The range of a group of devices has their names, joined by "+".
    !mapped.some(({ device, dma }) =>
      range.device.split("+").includes(device) && dma >= range.start &&
      dma < range.start + range.size_bytes
    )
  );
  return [...mapped, ...reserved];
}

/**
 * The event that is shown as the cause of a failure. It is the first of these that exists: the
 * incident at the failure's location, the last event of the failure's line, the incident at the
 * location in `before`.
 */
function causeAt({ lines, run }: RunIndex, place: string, before: string | null): number | null {
  const findingAt = (wanted: string | null) =>
    rowsAt(run, "incidents", run.last).map(({ createdSeq }) => createdSeq).find((seq) => {
      const span = spanOfEvent(run, seq);
      return span !== null && spanPlace(span) === wanted;
    });
  return findingAt(place) ?? lines.get(place.replace(/:\d+$/, ""))?.at(-1) ?? findingAt(before) ??
    null;
}

function leakSentence(run: RecordedRun, seq: number): string {
  const event = run.event(seq);
  const span = spanOfEvent(run, seq);
  const where = span === null ? "" : ` in ${baseName(lineLocation(span))}`;
  const end = `${where}, event ${seq}: ${neverText(run, seq)}`;
  if (event.name === "iova.alloc") {
    const { size_bytes: size, start } = event.fields;
    return `Leak of the IOVA range of ${formatSize(size)} at ${formatAddress(start)}, made${end}`;
  }
  if (event.name !== "dma.map") return `Event ${seq} was never undone`;
  const { api, dma, phys, size_bytes: size } = event.fields;
  return `Leak of ${formatSize(size)} at ${formatAddress(dma)} (memory ${
    formatAddress(phys)
  }), mapped by ${api}()${end}`;
}

/** Why the run has fewer events than the terminal counts for its test: a run of several is shown alone. */
function shareOfEvents(
  { log }: RecordedRun,
  { cases, events, kind }: TestOutcome,
): readonly string[] {
  if (events === log.count) return [];
  const own = formatCount(log.count, "event");
  const all = groupThousands(events);
  return [
    kind === "property"
      ? `${own} of this case; all ${formatCount(cases, "case")} have ${all}`
      : `${own} of this run; the test's own run has ${all}`,
  ];
}

function countsOf(index: RunIndex): readonly string[] {
  const { run } = index;
  const { count } = run.log;
  if (count === 0) return ["no events"];
  const requests = pictureSubjects(index, run.last).filter(({ kind }) => kind === "request").length;
  const live = rowsAt(run, "mappings", run.last);
  return [
    `${groupThousands(count)} ${count === 1 ? "event" : "events"}`,
    ...isMappingsAlone(run) ? ["each with the lines of its page table and IOVA"] : [],
    ...requests === 0 ? [] : [formatCount(requests, "request")],
    // Coherent memory stays mapped: a driver allocates it once.
    live.length === 0
      ? "no streaming mapping at the end"
      : `streaming mappings at the end: ${sizeText(live)}`,
  ];
}

/**
 * The size of mappings. They are not counted, because each link of an IOVA range and each output of
 * a scatterlist is a row.
 */
function sizeText(rows: readonly { readonly size_bytes: number }[]): string {
  const sizeBytes = rows.reduce((sum, row) => sum + row.size_bytes, 0);
  return formatSize(sizeBytes) +
    (rows.length === 1 ? "" : ` in ${formatCount(rows.length, "piece")}`);
}

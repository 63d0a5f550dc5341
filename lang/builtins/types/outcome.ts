/** The result of a block on a separate machine: the values of `fork` and `compare`. */
import { hasLatencies } from "@dmalab/runtime";
import { sameMemory } from "@dmalab/runtime/dma";
import { tableLines } from "../../text/columns.ts";
import { formatEvents } from "../../render/event_line.ts";
import { formatCount, formatDuration, formatSize } from "../../text/numbers.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { describeSettings } from "../../values/machine_variant.ts";
import { isHandle } from "../arguments.ts";
import { sameViews } from "../same_views.ts";
import type { HandleType } from "../../values/spec.ts";
import { TRACE } from "./trace.ts";
import { fieldsOf } from "../describe/fields.ts";
import type { BranchOutcome } from "../../values/branch_outcome.ts";

/** Limit of the events that a picture shows; the rest is only counted. */
const DISPLAYED_EVENTS = 12;

/** Number of calls of kernel functions. */
function callsOf({ counts }: BranchOutcome): number {
  let calls = 0;
  for (const [name, count] of counts) if (name.startsWith("call.")) calls += count;
  return calls;
}

function wordsIn(outcome: BranchOutcome, eventName: string, field: string): string[] {
  return outcome.events.filter(({ name }) => name === eventName).map(({ fields }) =>
    String((fields as Readonly<Record<string, unknown>>)[field])
  );
}

/** The reasons of a block's faults; those that the script injected say so. */
function toldFaults({ events }: BranchOutcome): string[] {
  return events.flatMap((event) =>
    event.name !== "iommu.fault"
      ? []
      : [`${event.fields.reason}${event.why?.inputs.injected === true ? " (injected)" : ""}`]
  );
}

function endWord({ missing, raised }: BranchOutcome): string | null {
  return missing === null ? raised?.errno ?? null : "not_in_release";
}

function endText(outcome: BranchOutcome): string {
  return endWord(outcome) ?? "ok";
}

/** How a block ended, with what its machine reported: it did not end the block. */
function toldEnd(outcome: BranchOutcome): string {
  const { counts } = outcome;
  const told = [["iommu.fault", "fault"], ["dma.report", "report"]] as const;
  const parts = told.flatMap(([event, noun]) => {
    const count = counts.get(event) ?? 0;
    return count === 0 ? [] : [formatCount(count, noun)];
  });
  const end = endWord(outcome);
  return [...end === null && parts.length > 0 ? [] : [end ?? "ok"], ...parts].join(", ");
}

/** Live mappings of all devices at a block's end, translated or direct. */
function mappingsOf({ machine: { lab } }: BranchOutcome): number {
  let live = 0;
  for (const { dma } of lab.devices.values()) live += dma.mappings;
  return live;
}

/** Whether two blocks ended with the same result and state, no matter how. */
function endsLike(one: BranchOutcome, other: BranchOutcome, context: ExecutionContext): boolean {
  const here = one.machine.lab.machine;
  const there = other.machine.lab.machine;
  return endWord(one) === endWord(other) &&
    mappingsOf(one) === mappingsOf(other) &&
    here.swiotlb.usedSlots === there.swiotlb.usedSlots &&
    sameViews(one.views, other.views, context) && sameMemory(here, there);
}

/** The differences between the ends of two blocks, as `endsLike` compares them. */
function differencesOf(
  one: BranchOutcome,
  other: BranchOutcome,
  context: ExecutionContext,
): string[] {
  const here = one.machine.lab.machine;
  const there = other.machine.lab.machine;
  const seen = [...one.views].filter(([name, view]) => {
    const theirs = other.views.get(name);
    return theirs === undefined ||
      !sameViews(new Map([[name, view]]), new Map([[name, theirs]]), context);
  });
  const pairs: readonly (readonly [string, string | number, string | number])[] = [
    ["the end", endText(one), endText(other)],
    ["live mappings", mappingsOf(one), mappingsOf(other)],
    ["bounce slots in use", here.swiotlb.usedSlots, there.swiotlb.usedSlots],
  ];
  return [
    ...pairs.filter(([, left, right]) => left !== right)
      .map(([what, left, right]) => `${what}: ${left} is not ${right}`),
    ...seen.map(([name]) => `what ${name} sees`),
    ...sameMemory(here, there) ? [] : ["what memory holds"],
  ];
}

/** The columns of the table. The other fields of an outcome are not in it. */
const COLUMNS = ["end", "calls", "total memory", "invalidations", "time"] as const;
const ALIGNMENTS = ["left", "right", "right", "right", "right"] as const;

/** Outcomes side by side: in the first columns their names, or the settings of their machines. */
function outcomeTable(
  named: readonly (readonly [name: string, outcome: BranchOutcome])[],
  columnsOfLine: number,
): string[] {
  const keys = named[0]![1].settings.map(({ key }) => key);
  const compared = keys.length > 0 &&
    named.every(([, { settings }]) =>
      settings.length === keys.length && settings.every(({ key }, index) => key === keys[index])
    );
  // Without latencies and without `advance`, virtual time does not pass: leave out its column.
  const timed = named.some(([, outcome]) => tellsTime(outcome));
  const columns = timed ? COLUMNS : COLUMNS.slice(0, -1);
  const short = keys.map((key) => key.slice(key.lastIndexOf(".") + 1));
  const titles = new Set(short).size === keys.length ? short : keys;
  return tableLines(
    [...compared ? titles : [""], ...columns],
    named.map(([name, outcome]) => [
      ...compared
        ? outcome.settings.map(({ value }) => value)
        : [describeSettings(outcome.settings) || name],
      ...cells(outcome).slice(0, columns.length),
    ]),
    [
      ...(compared ? titles : [""]).map(() => "left" as const),
      ...ALIGNMENTS.slice(0, columns.length),
    ],
    columnsOfLine,
  );
}

/**
 * Lines for functions that the release lacks, for faults, reports and leaks. They are printed below the table,
 * because the table has no room for them.
 */
function leftLines(
  named: readonly (readonly [name: string, outcome: BranchOutcome])[],
): string[] {
  return named.flatMap(([name, outcome]) => {
    const { leaks, missing, settings } = outcome;
    const label = describeSettings(settings) || name;
    const list = (noun: string, words: readonly string[]) =>
      words.length === 0 ? [] : [`${noun} in ${label}: ${[...new Set(words)].join(", ")}`];
    return [
      ...missing === null ? [] : [`not_in_release with ${label}: ${missing}`],
      ...list("fault", toldFaults(outcome)),
      ...list("report", wordsIn(outcome, "dma.report", "class")),
      ...leaks.map(({ text }) => `leak in ${label}: ${text}`),
    ];
  });
}

function tellsTime({ durationNs, machine }: BranchOutcome): boolean {
  return durationNs > 0 || hasLatencies(machine.lab.machine.config);
}

function cells(outcome: BranchOutcome): string[] {
  return [
    toldEnd(outcome),
    String(callsOf(outcome)),
    formatSize(outcome.memoryBytes),
    String(outcome.counts.get("iotlb.sync") ?? 0),
    formatDuration(outcome.durationNs),
  ];
}

export const OUTCOME: HandleType<BranchOutcome> = {
  name: "outcome",
  doc: "The result of a block that ran on its own machine: one of `fork` or `compare`.",
  portable: true,
  fields: fieldsOf<BranchOutcome>((f) => ({
    error: f.word(
      "The errno that ended the block, or not_in_release where the machine's release lacks a " +
        "call; none if the block completed.",
      endWord,
    ),
    events: f.of(
      TRACE,
      "The events of the block.",
      ({ durationNs, events }) => ({ events, spanNs: durationNs }),
    ),
    calls: f.int("Calls of kernel functions in it.", (outcome) => callsOf(outcome)),
    memory: f.size(
      "Host memory allocated for its mappings: lists, descriptors, arrays. The total of all " +
        "allocations, frees not subtracted: not the peak.",
      ({ memoryBytes }) => memoryBytes,
    ),
    invalidations: f.int(
      "How many IOTLB invalidations were issued.",
      ({ counts }) => counts.get("iotlb.sync") ?? 0,
    ),
    time: f.duration(
      "The virtual time it took, until the last CPU or device was done.",
      ({ durationNs }) => durationNs,
    ),
    reports: f.list(
      "word",
      "Classes of the checker's reports in it.",
      (outcome) => wordsIn(outcome, "dma.report", "class"),
    ),
    faults: f.list(
      "word",
      "Reasons of the IOMMU faults in it.",
      (outcome) => wordsIn(outcome, "iommu.fault", "reason"),
    ),
    leaks: f.list(
      "string",
      "Its leaks, as text.",
      ({ leaks }) => leaks.map(({ text }) => text),
    ),
    live_mappings: f.int(
      "Live mappings of translated devices that need an unmap, at its end.",
      ({ machine }) => machine.lab.machine.iommu.liveMappings,
    ),
    machine: f.string(
      "The settings that `compare` tried; empty for `fork`.",
      ({ settings }) => describeSettings(settings),
    ),
  })),
  format: (outcome) =>
    `${outcome.settings.length === 0 ? "" : `${describeSettings(outcome.settings)}: `}` +
    `${toldEnd(outcome)}, ` +
    `${formatCount(callsOf(outcome), "call")}, ` +
    formatCount(outcome.counts.get("iotlb.sync") ?? 0, "invalidation") +
    (tellsTime(outcome) ? `, ${formatDuration(outcome.durationNs)}` : ""),
  show(outcome, { columns }) {
    const { events, leaks } = outcome;
    const rest = events.length - DISPLAYED_EVENTS;
    return [
      ...outcomeTable([["", outcome]], columns),
      ...leaks.map(({ text }) => `left: ${text}`),
      ...events.length === 0 ? [] : formatEvents(events.slice(0, DISPLAYED_EVENTS), columns),
      ...rest > 0 ? [`… ${formatCount(rest, "event")} more`] : [],
    ];
  },
  showAll: (named, { columns }) => [...outcomeTable(named, columns), ...leftLines(named)],
  differences: differencesOf,
  equals: (outcome, other, context) =>
    isHandle(other, OUTCOME) && endsLike(outcome, other.target, context),
};

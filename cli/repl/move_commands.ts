/** Commands that go through a run, and what is said where they lead. */
import {
  blocksAhead,
  checkStop,
  comparePositions,
  crossed,
  type ExpressionChange,
  fileNamed,
  functionPlace,
  type Moved,
  neverReached,
  PLACE_FORMS,
  readPlace,
  rewind,
  type Spot,
  statementsOnLine,
  type Step,
  type StopSpec,
  until,
} from "@dmalab/recording";
import { clip, foldLine, formatTimeRounded, wrapText } from "@dmalab/lang/text";
import { changedRows, momentView, rowTexts } from "@dmalab/recording/views";
import { changedWatches } from "./keep_commands.ts";
import { EVENT_FILTER_FORMS, readEventFilter } from "./event_filter.ts";
import { eventWords } from "@dmalab/lang/editor";
import { answering, type CommandTarget, countOf, type ReplCommand } from "./command_target.ts";

/** Events of a move that are shown, and rows that it changed. */
const SHOWN_EVENTS = 40;
const SHOWN_ROWS = 8;

export const MOVE_COMMANDS: readonly ReplCommand[] = [
  {
    name: "step",
    takes: "[N]",
    doc: "step N events forward (default: 1); at the end, keep running the machine",
    run: (repl, argument) => stepEvents(repl, argument),
  },
  moving("back", "step N events back (default: 1)", { unit: "event", way: "back" }),
  moving("next", "step over N statements (default: 1)", { unit: "over", way: "forward" }),
  moving("prev", "step back over N statements (default: 1)", { unit: "over", way: "back" }),
  {
    name: "into",
    takes: "[BLOCK]",
    doc: "step into the next statement, or into a named block of fork, compare or race",
    words: ({ place }) => blocksAhead(place).map(({ name }) => ({ text: name, doc: "" })),
    run: stepInto,
  },
  moving("out", "step out to the caller", { unit: "out", way: "forward" }),
  moving("activity", "run N pending work items of drivers, devices and timers (default: 1)", {
    unit: "activity",
    way: "forward",
  }),
  moving("continue", "run forward to the next breakpoint, or to the end", {
    unit: "run",
    way: "forward",
  }),
  moving("rcontinue", "run back to the previous breakpoint, or to the start", {
    unit: "run",
    way: "back",
  }),
  {
    name: "goto",
    takes: "PLACE",
    doc: `go to ${PLACE_FORMS}`,
    words: ({ kept }) => [
      ...["start", "end", "line", "output"].map((text) => ({ text, doc: "" })),
      ...[...kept?.marks ?? []].map(([text, { at: { seq } }]) => ({ text, doc: `event ${seq}` })),
    ],
    run: goTo,
  },
  {
    name: "find",
    takes: EVENT_FILTER_FORMS,
    doc: "go to the next matching event",
    words: eventWords,
    run: (repl, argument) => findEvent(repl, argument, 1),
  },
  {
    name: "rfind",
    takes: EVENT_FILTER_FORMS,
    doc: "go back to the previous matching event",
    words: eventWords,
    run: (repl, argument) => findEvent(repl, argument, -1),
  },
  {
    name: "until",
    takes: "EXPR",
    doc: "run forward until an expression changes or becomes true",
    expression: true,
    run: (repl, argument) => search(repl, argument, until),
  },
  {
    name: "rewind",
    takes: "EXPR",
    doc: "run back to where an expression got its value",
    expression: true,
    run: (repl, argument) => search(repl, argument, rewind),
  },
  {
    name: "break",
    takes: "[WHERE [if EXPR]]",
    doc: "set a breakpoint on a line or an event; without an argument, list them",
    words: () => [
      ...["fault", "report", "warning", "failure"].map((text) => ({ text, doc: "" })),
      ...eventWords(),
    ],
    run: setBreak,
  },
  { name: "delete", takes: "N", doc: "delete breakpoint N", run: deleteBreak },
];

function moving(name: string, doc: string, step: Omit<Step, "count">): ReplCommand {
  const takes = step.unit === "run" || step.unit === "out" ? "" : "[N]";
  return {
    name,
    takes,
    doc,
    run(repl, argument) {
      const count = countOf(argument, repl);
      if (count === null) return true;
      return goes(repl, { ...step, count });
    },
  };
}

function stepEvents(repl: CommandTarget, argument: string): true {
  if (/^until\b/.test(argument)) {
    const onward = repl.bench === null ? "" : "; the statement `step until EXPR` runs the machine";
    repl.refuse(
      `\`:until EXPR\` runs forward until the expression changes or becomes true${onward}`,
    );
    return true;
  }
  const count = countOf(argument, repl);
  if (count === null) return true;
  const { place } = repl;
  const { at, recording } = place;
  const step: Step = { unit: "event", way: "forward", count };
  return answering(repl, () => {
    const moved = place.move(step);
    if (place.recording === recording && comparePositions(moved.at, at) === 0) {
      return repl.say("No pending work");
    }
    repl.lastMoveSeq = at.seq;
    arrive(repl, { at, recording }, moved, step);
  });
}

function stepInto(repl: CommandTarget, argument: string): true {
  const step: Step = { unit: "into", way: "forward" };
  if (argument === "") return goes(repl, step);
  const { at, recording } = repl.place;
  const blocks = blocksAhead(repl.place);
  const block = blocks.find(({ name }) => name.includes(argument));
  if (block === undefined) {
    const names = blocks.map(({ name }) => name).join("; ");
    repl.refuse(`This statement has no block "${argument}"${names === "" ? "" : `: ${names}`}`);
    return true;
  }
  return answering(repl, () => {
    repl.place.goTo(block.spot.at, block.spot.recording);
    repl.lastMoveSeq = Math.min(at.seq, block.spot.at.seq);
    arrive(repl, { at, recording }, { logged: [], stop: null }, step);
  });
}

/** Goes somewhere, and says what there is to say. */
function goes(repl: CommandTarget, step: Step): true {
  const { at, recording } = repl.place;
  return answering(repl, () => {
    const moved = repl.place.move(step);
    if (moved.reason === "beginning") repl.say("At the start of the recording");
    repl.lastMoveSeq = Math.min(at.seq, moved.at.seq);
    arrive(repl, { at, recording }, moved, step);
  });
}

/** What a move did: the events on its way, where it led, and what is other there. */
function arrive(
  repl: CommandTarget,
  { at: before, recording: from }: Spot,
  { logged, stop }: Pick<Moved, "logged" | "stop">,
  step: Step,
): void {
  const { at, recording } = repl.place;
  const note = crossed({ at: before, recording: from }, repl.place, step);
  if (note !== null) { for (const line of wrapText(note, repl.columns)) repl.say(line); }
  for (const { text } of logged) repl.say(text);
  if (stop !== null && repl.view) repl.say(`stopped by breakpoint ${stop.stop.id}`);
  if (repl.view) return;
  const isAhead = recording === from && at.seq > before.seq && at.seq - before.seq <= SHOWN_EVENTS;
  if (isAhead) repl.sayEvents(recording.log.between(before.seq, at.seq));
  if (stop !== null) repl.say(`stopped by breakpoint ${stop.stop.id}`);
  sayPlace(repl);
  sayChanges(repl, { at: before, recording });
}

/** Where one is, on a line. A screen shows it anyway. */
export function sayPlace(repl: CommandTarget): void {
  if (repl.view) return;
  const { at, recording } = repl.place;
  const { atNs, edge, event, events, place, seq, text } = momentView(recording, at);
  const time = atNs > 0 ? ` @ ${formatTimeRounded(atNs)}` : "";
  const where = edge === null ? [] : [edge];
  const parts = [`event ${seq}/${events}${time}`, ...where, place ?? "", text ?? ""];
  repl.say(clip(parts.filter((part) => part !== "").join("  "), repl.columns));
  if (event !== null) { for (const line of foldLine(`  ${event}`, repl.columns)) repl.say(line); }
}

/** Rows that came and went since another moment of the same machine. */
function sayChanges(repl: CommandTarget, { at: before, recording: from }: Spot): void {
  if (repl.view || repl.place.recording !== from) return;
  for (const line of changedWatches(repl, before)) repl.say(clip(line, repl.columns));
  const { at, recording } = repl.place;
  const rows = changedRows(recording, before, at);
  for (const row of rows.slice(0, SHOWN_ROWS)) {
    repl.say(clip(`${row.mark} ${row.table}  ${rowTexts(row).join(" ")}`, repl.columns));
  }
  if (rows.length > SHOWN_ROWS) repl.say(`… and ${rows.length - SHOWN_ROWS} rows more`);
}

function goTo(repl: CommandTarget, argument: string): true {
  const { place } = repl;
  const { at: before, recording } = place;
  return answering(repl, () => {
    const mark = repl.kept?.marks.get(argument);
    const at = mark?.at ?? readPlace(recording, before, argument);
    if (at === null) return repl.refuse(`"${argument}" is not a position: ${PLACE_FORMS}`);
    place.goTo(at, mark?.recording);
    repl.lastMoveSeq = Math.min(before.seq, at.seq);
    sayPlace(repl);
    sayChanges(repl, { at: before, recording });
  });
}

function findEvent(repl: CommandTarget, text: string, way: 1 | -1): true {
  const { place } = repl;
  const { at: before, recording } = place;
  const filter = readEventFilter(recording, text);
  if (typeof filter === "string") {
    repl.refuse(filter);
    return true;
  }
  let seq = before.seq + way;
  while (seq >= 1 && seq <= recording.last.seq && !filter(seq)) seq += way;
  if (seq < 1 || seq > recording.last.seq) {
    repl.say(`No such event ${way > 0 ? "after" : "before"} this one`);
    return true;
  }
  place.goTo(recording.afterEvent(seq));
  repl.lastMoveSeq = Math.min(before.seq, seq);
  sayPlace(repl);
  sayChanges(repl, { at: before, recording });
  return true;
}

function search(repl: CommandTarget, text: string, find: typeof until): true {
  const { place } = repl;
  const { at: before, recording } = place;
  return answering(repl, () => {
    const found: ExpressionChange | null = find(recording, before, recording.looker.question(text));
    if (found === null) return repl.say(`${text} does not change`);
    place.goTo(found.at);
    repl.say(
      found.before === null
        ? `${text}: ${found.after}`
        : `${text}: ${found.before} → ${found.after}`,
    );
    sayPlace(repl);
    sayChanges(repl, { at: before, recording });
  });
}

/** `:break 31`, `:break iommu.fault if …`, `:break fault`. */
function setBreak(repl: CommandTarget, argument: string): true {
  const { recording, stops } = repl.place;
  if (argument === "") {
    if (stops.all.length === 0) repl.say("No breakpoints");
    for (const stop of stops.all) {
      repl.say(clip(`${stop.id}  ${breakText(repl, stop)}`, repl.columns));
    }
    return true;
  }
  const [, what = "", condition] = argument.match(/^(.*?)(?:\s+if\s+(.+))?$/)!;
  const cause = causeOf(repl, what);
  if (cause === null) {
    repl.refuse(
      `"${what}" cannot have a breakpoint: use a line, an event, a call, a function, fault, report, failure or changed EXPR`,
    );
    return true;
  }
  return answering(repl, () => {
    const spec = { cause, ...condition === undefined ? {} : { condition } };
    checkStop(recording, spec);
    const stop = stops.add(spec);
    const text = `breakpoint ${stop.id}: ${breakText(repl, stop)}`;
    for (const line of wrapText(text, repl.columns)) repl.say(line);
  });
}

function causeOf(repl: CommandTarget, text: string): StopSpec["cause"] | null {
  const { recording } = repl.place;
  const { eventNames } = recording.looker.registry;
  const line = text.match(/^(?:line\s+|(\S+):)?(\d+)$/);
  if (line !== null) {
    const [, file, number] = line;
    if (file === undefined) return { kind: "line", line: Number(number) };
    return { kind: "line", line: Number(number), file: fileNamed(recording, file) ?? file };
  }
  if (text === "fault" || text === "report" || text === "warning") {
    return { kind: "incident", of: [text] };
  }
  if (text === "failure") return { kind: "failure" };
  const changed = text.match(/^changed\s+(.+)$/)?.[1];
  if (changed !== undefined) return { kind: "change", expression: changed };
  const isEvent = [text, `call.${text}`].some((name) => eventNames.includes(name));
  if (isEvent) return { kind: "event", names: [text] };
  const place = functionPlace(recording, text);
  return place === null ? null : { kind: "line", ...place };
}

/** A line, and where a statement begins that it stops at. */
function lineText({ place: { recording, stops } }: CommandTarget, spec: StopSpec): string {
  const { cause } = spec;
  if (cause.kind !== "line") return "";
  const own = stops.lineOf(recording, spec);
  const text = cause.file === undefined ? `line ${cause.line}` : `${cause.file}:${cause.line}`;
  const where = own === null || own === cause.line
    ? text
    : `${text}, the next statement is on line ${own}`;
  const reason = neverReached(recording, statementsOnLine(recording, cause).numbers);
  return reason === null ? where : `${where}. ${reason}`;
}

function breakText(repl: CommandTarget, spec: StopSpec): string {
  const { cause, condition } = spec;
  const what = cause.kind === "line"
    ? lineText(repl, spec)
    : cause.kind === "event"
    ? cause.names.join(", ")
    : cause.kind === "incident"
    ? cause.of.join(", ")
    : cause.kind === "change"
    ? `changed ${cause.expression}`
    : cause.kind;
  return condition === undefined ? what : `${what} if ${condition}`;
}

function deleteBreak(repl: CommandTarget, argument: string): true {
  const id = countOf(argument, repl);
  if (id !== null && !repl.place.stops.delete(id)) repl.refuse(`There is no breakpoint ${id}`);
  return true;
}

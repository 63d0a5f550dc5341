/** Commands that go through a run, and what is said where they lead. */
import {
  blocksAhead,
  type Breakpoint,
  checkBreakpoint,
  comparePositions,
  crossed,
  type ExpressionChange,
  fileNamed,
  functionLocation,
  neverReached,
  POSITION_FORMS,
  readPosition,
  rewind,
  type RunPosition,
  statementsOnLine,
  type StepCommand,
  type StepOutcome,
  until,
} from "@dmalab/recording";
import { clip, foldLine, formatTimeRounded, wrapText } from "@dmalab/lang/text";
import { changedRows, positionView, rowTexts } from "@dmalab/recording/views";
import { changedWatches } from "./keep_commands.ts";
import { EVENT_FILTER_FORMS, readEventFilter } from "./event_filter.ts";
import { eventWords } from "@dmalab/lang/editor";
import { answering, type CommandContext, countOf, type ReplCommand } from "./command_target.ts";

/** Events of a move that are shown, and rows that it changed. */
const DISPLAYED_EVENTS = 40;
const DISPLAYED_ROWS = 8;

export const MOVE_COMMANDS: readonly ReplCommand[] = [
  {
    name: "step",
    takes: "[N]",
    doc: "step N events forward (default: 1); at the end, keep running the machine",
    run: (repl, argument) => stepEvents(repl, argument),
  },
  moving("back", "step N events back (default: 1)", { unit: "event", direction: "back" }),
  moving("next", "step over N statements (default: 1)", { unit: "over", direction: "forward" }),
  moving("prev", "step back over N statements (default: 1)", { unit: "over", direction: "back" }),
  {
    name: "into",
    takes: "[BLOCK]",
    doc: "step into the next statement, or into a named block of fork, compare or race",
    words: ({ cursor }) => blocksAhead(cursor).map(({ name }) => ({ text: name, doc: "" })),
    run: stepInto,
  },
  moving("out", "step out to the caller", { unit: "out", direction: "forward" }),
  moving("activity", "run N pending work items of drivers, devices and timers (default: 1)", {
    unit: "activity",
    direction: "forward",
  }),
  moving("continue", "run forward to the next breakpoint, or to the end", {
    unit: "run",
    direction: "forward",
  }),
  moving("rcontinue", "run back to the previous breakpoint, or to the start", {
    unit: "run",
    direction: "back",
  }),
  {
    name: "goto",
    takes: "PLACE",
    doc: `go to ${POSITION_FORMS}`,
    words: ({ kept }) => [
      ...["start", "end", "line", "output"].map((text) => ({ text, doc: "" })),
      ...[...kept?.marks ?? []].map(([text, { position: { seq } }]) => ({
        text,
        doc: `event ${seq}`,
      })),
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

function moving(name: string, doc: string, step: Omit<StepCommand, "count">): ReplCommand {
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

function stepEvents(repl: CommandContext, argument: string): true {
  if (/^until\b/.test(argument)) {
    const onward = repl.timeTravel === null
      ? ""
      : "; the statement `step until EXPR` runs the machine";
    repl.refuse(
      `\`:until EXPR\` runs forward until the expression changes or becomes true${onward}`,
    );
    return true;
  }
  const count = countOf(argument, repl);
  if (count === null) return true;
  const { cursor } = repl;
  const { position, recording } = cursor;
  const step: StepCommand = { unit: "event", direction: "forward", count };
  return answering(repl, () => {
    const outcome = cursor.move(step);
    if (cursor.recording === recording && comparePositions(outcome.position, position) === 0) {
      return repl.say("No pending work");
    }
    repl.lastMoveSeq = position.seq;
    arrive(repl, { position, recording }, outcome, step);
  });
}

function stepInto(repl: CommandContext, argument: string): true {
  const step: StepCommand = { unit: "into", direction: "forward" };
  if (argument === "") return goes(repl, step);
  const { position, recording } = repl.cursor;
  const blocks = blocksAhead(repl.cursor);
  const block = blocks.find(({ name }) => name.includes(argument));
  if (block === undefined) {
    const names = blocks.map(({ name }) => name).join("; ");
    repl.refuse(`This statement has no block "${argument}"${names === "" ? "" : `: ${names}`}`);
    return true;
  }
  return answering(repl, () => {
    repl.cursor.goTo(block.runPosition.position, block.runPosition.recording);
    repl.lastMoveSeq = Math.min(position.seq, block.runPosition.position.seq);
    arrive(repl, { position, recording }, { logged: [], stop: null }, step);
  });
}

/** Goes somewhere, and says what there is to say. */
function goes(repl: CommandContext, step: StepCommand): true {
  const { position, recording } = repl.cursor;
  return answering(repl, () => {
    const outcome = repl.cursor.move(step);
    if (outcome.reason === "beginning") repl.say("At the start of the recording");
    repl.lastMoveSeq = Math.min(position.seq, outcome.position.seq);
    arrive(repl, { position, recording }, outcome, step);
  });
}

/** What a move did: the events on its way, where it led, and what is other there. */
function arrive(
  repl: CommandContext,
  { position: before, recording: from }: RunPosition,
  { logged, stop }: Pick<StepOutcome, "logged" | "stop">,
  step: StepCommand,
): void {
  const { position, recording } = repl.cursor;
  const note = crossed({ position: before, recording: from }, repl.cursor, step);
  if (note !== null) { for (const line of wrapText(note, repl.columns)) repl.say(line); }
  for (const { text } of logged) repl.say(text);
  if (stop !== null && repl.view) repl.say(`stopped by breakpoint ${stop.stop.id}`);
  if (repl.view) return;
  const isAhead = recording === from && position.seq > before.seq &&
    position.seq - before.seq <= DISPLAYED_EVENTS;
  if (isAhead) repl.sayEvents(recording.log.between(before.seq, position.seq));
  if (stop !== null) repl.say(`stopped by breakpoint ${stop.stop.id}`);
  printLocation(repl);
  sayChanges(repl, { position: before, recording });
}

/** Where one is, on a line. A screen shows it anyway. */
export function printLocation(repl: CommandContext): void {
  if (repl.view) return;
  const { position, recording } = repl.cursor;
  const { atNs, edge, event, events, place, seq, text } = positionView(recording, position);
  const time = atNs > 0 ? ` @ ${formatTimeRounded(atNs)}` : "";
  const where = edge === null ? [] : [edge];
  const parts = [`event ${seq}/${events}${time}`, ...where, place ?? "", text ?? ""];
  repl.say(clip(parts.filter((part) => part !== "").join("  "), repl.columns));
  if (event !== null) { for (const line of foldLine(`  ${event}`, repl.columns)) repl.say(line); }
}

/** Rows that came and went since another moment of the same machine. */
function sayChanges(
  repl: CommandContext,
  { position: before, recording: from }: RunPosition,
): void {
  if (repl.view || repl.cursor.recording !== from) return;
  for (const line of changedWatches(repl, before)) repl.say(clip(line, repl.columns));
  const { position, recording } = repl.cursor;
  const rows = changedRows(recording, before, position);
  for (const row of rows.slice(0, DISPLAYED_ROWS)) {
    repl.say(clip(`${row.mark} ${row.table}  ${rowTexts(row).join(" ")}`, repl.columns));
  }
  if (rows.length > DISPLAYED_ROWS) repl.say(`… and ${rows.length - DISPLAYED_ROWS} rows more`);
}

function goTo(repl: CommandContext, argument: string): true {
  const { cursor } = repl;
  const { position: before, recording } = cursor;
  return answering(repl, () => {
    const mark = repl.kept?.marks.get(argument);
    const position = mark?.position ?? readPosition(recording, before, argument);
    if (position === null) return repl.refuse(`"${argument}" is not a position: ${POSITION_FORMS}`);
    cursor.goTo(position, mark?.recording);
    repl.lastMoveSeq = Math.min(before.seq, position.seq);
    printLocation(repl);
    sayChanges(repl, { position: before, recording });
  });
}

function findEvent(repl: CommandContext, text: string, way: 1 | -1): true {
  const { cursor } = repl;
  const { position: before, recording } = cursor;
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
  cursor.goTo(recording.afterEvent(seq));
  repl.lastMoveSeq = Math.min(before.seq, seq);
  printLocation(repl);
  sayChanges(repl, { position: before, recording });
  return true;
}

function search(repl: CommandContext, text: string, find: typeof until): true {
  const { cursor } = repl;
  const { position: before, recording } = cursor;
  return answering(repl, () => {
    const found: ExpressionChange | null = find(
      recording,
      before,
      recording.evaluator.question(text),
    );
    if (found === null) return repl.say(`${text} does not change`);
    cursor.goTo(found.position);
    repl.say(
      found.before === null
        ? `${text}: ${found.after}`
        : `${text}: ${found.before} → ${found.after}`,
    );
    printLocation(repl);
    sayChanges(repl, { position: before, recording });
  });
}

/** `:break 31`, `:break iommu.fault if …`, `:break fault`. */
function setBreak(repl: CommandContext, argument: string): true {
  const { recording, breakpoints } = repl.cursor;
  if (argument === "") {
    if (breakpoints.all.length === 0) repl.say("No breakpoints");
    for (const stop of breakpoints.all) {
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
    checkBreakpoint(recording, spec);
    const stop = breakpoints.add(spec);
    const text = `breakpoint ${stop.id}: ${breakText(repl, stop)}`;
    for (const line of wrapText(text, repl.columns)) repl.say(line);
  });
}

function causeOf(repl: CommandContext, text: string): Breakpoint["cause"] | null {
  const { recording } = repl.cursor;
  const { eventNames } = recording.evaluator.registry;
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
  const place = functionLocation(recording, text);
  return place === null ? null : { kind: "line", ...place };
}

/** A line, and where a statement begins that it stops at. */
function lineText(
  { cursor: { recording, breakpoints } }: CommandContext,
  spec: Breakpoint,
): string {
  const { cause } = spec;
  if (cause.kind !== "line") return "";
  const own = breakpoints.lineOf(recording, spec);
  const text = cause.file === undefined ? `line ${cause.line}` : `${cause.file}:${cause.line}`;
  const where = own === null || own === cause.line
    ? text
    : `${text}, the next statement is on line ${own}`;
  const reason = neverReached(recording, statementsOnLine(recording, cause).numbers);
  return reason === null ? where : `${where}. ${reason}`;
}

function breakText(repl: CommandContext, spec: Breakpoint): string {
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

function deleteBreak(repl: CommandContext, argument: string): true {
  const id = countOf(argument, repl);
  if (id !== null && !repl.cursor.breakpoints.delete(id)) {
    repl.refuse(`There is no breakpoint ${id}`);
  }
  return true;
}

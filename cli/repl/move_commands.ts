/** Commands that move through a run, and the messages at the new position. */
import {
  blocksAhead,
  type Breakpoint,
  causeNamed,
  checkBreakpoint,
  comparePositions,
  crossed,
  type ExpressionChange,
  fileNamed,
  neverReached,
  POSITION_FORMS,
  readPosition,
  type Recording,
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
import { type CommandContext, countOf, type ReplCommand } from "./command_target.ts";

/** The largest number of printed events of a move, and of printed rows that the move changed. */
const DISPLAYED_EVENTS = 40;
const DISPLAYED_ROWS = 8;

export const MOVE_COMMANDS: readonly ReplCommand[] = [
  {
    name: "step",
    takes: "[N]",
    doc: "step N events forward (default: 1); at the end, keep running the machine",
    run: stepEvents,
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
      if (count !== null) goes(repl, { ...step, count });
    },
  };
}

function stepEvents(repl: CommandContext, argument: string): void {
  if (/^until\b/.test(argument)) {
    const onward = repl.timeTravel === null
      ? ""
      : "; the statement `step until EXPR` runs the machine";
    repl.refuse(
      `\`:until EXPR\` runs forward until the expression changes or becomes true${onward}`,
    );
    return;
  }
  const count = countOf(argument, repl);
  if (count !== null) goes(repl, { unit: "event", direction: "forward", count });
}

function stepInto(repl: CommandContext, argument: string): void {
  const step: StepCommand = { unit: "into", direction: "forward" };
  if (argument === "") return goes(repl, step);
  const blocks = blocksAhead(repl.cursor);
  const block = blocks.find(({ name }) => name.includes(argument));
  if (block === undefined) {
    const names = blocks.map(({ name }) => name).join("; ");
    repl.refuse(`This statement has no block "${argument}"${names === "" ? "" : `: ${names}`}`);
    return;
  }
  const { position, recording } = block.runPosition;
  return goes(repl, step, () => {
    repl.cursor.goTo(position, recording);
    return { position, reason: "arrived", logged: [], stop: null };
  });
}

/**
 * Moves by a step, and prints the events in between, the new position, and the differences at that
 * position.
 */
function goes(
  repl: CommandContext,
  step: StepCommand,
  go: () => StepOutcome = () => repl.cursor.move(step),
): void {
  const { cursor } = repl;
  const before = cursor.here;
  const { logged, reason, stop } = go();
  const { position, recording } = cursor;
  const isAhead = step.unit === "event" && step.direction === "forward";
  if (isAhead && isSame(before, cursor)) return repl.say("No pending work");
  if (reason === "beginning") repl.say("At the start of the recording");
  const note = crossed(before, cursor, step);
  if (note !== null) { for (const line of wrapText(note, repl.columns)) repl.say(line); }
  for (const { text } of logged) repl.say(text);
  const way = position.seq - before.position.seq;
  if (!repl.view && recording === before.recording && way > 0 && way <= DISPLAYED_EVENTS) {
    repl.printEvents(recording.log.between(before.position.seq, position.seq));
  }
  if (stop !== null) repl.say(`stopped by breakpoint ${stop.stop.id}`);
  printMoved(repl, before);
}

function isSame(one: RunPosition, other: RunPosition): boolean {
  return one.recording === other.recording &&
    comparePositions(one.position, other.position) === 0;
}

/**
 * Jumps to a position, and prints it.
 * @param go Returns the position; or prints a message and returns null if no such position exists.
 */
function jumps(
  repl: CommandContext,
  go: (from: RunPosition<Recording>) => RunPosition<Recording> | null,
): void {
  const before = repl.cursor.here;
  const to = go(before);
  if (to === null) return;
  repl.cursor.goTo(to.position, to.recording);
  printMoved(repl, before);
}

/** Prints the current position, and the differences from the position before the move. */
function printMoved(repl: CommandContext, before: RunPosition): void {
  repl.lastMoveSeq = Math.min(before.position.seq, repl.cursor.position.seq);
  printLocation(repl);
  printChanges(repl, before);
}

/** Prints the current position on a line; a screen with panes shows it anyway. */
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

/** Prints the rows that were created, changed or deleted since another position of the same machine. */
function printChanges(
  repl: CommandContext,
  { position: before, recording: from }: RunPosition,
): void {
  if (repl.view || repl.cursor.recording !== from) return;
  for (const line of changedWatches(repl, before)) repl.say(clip(line, repl.columns));
  const { position, recording } = repl.cursor;
  const rows = changedRows({ recording, position: before }, { recording, position });
  const lines = rows.flatMap((row) => {
    const text = `${row.table}  ${rowTexts(row).join(" ")}`;
    if (row.was === null) return [`${row.mark} ${text}`];
    return [`- ${row.table}  ${rowTexts({ cells: row.was }).join(" ")}`, `+ ${text}`];
  });
  for (const line of lines.slice(0, DISPLAYED_ROWS)) repl.say(clip(line, repl.columns));
  if (lines.length > DISPLAYED_ROWS) repl.say(`… and ${lines.length - DISPLAYED_ROWS} rows more`);
}

function goTo(repl: CommandContext, argument: string): void {
  return jumps(repl, ({ position, recording }) => {
    const mark = repl.kept?.marks.get(argument);
    if (mark !== undefined) return mark;
    const to = readPosition(recording, position, argument);
    if (to !== null) return { position: to, recording };
    repl.refuse(`"${argument}" is not a position: ${POSITION_FORMS}`);
    return null;
  });
}

function findEvent(repl: CommandContext, text: string, way: 1 | -1): void {
  return jumps(repl, ({ position, recording }) => {
    const filter = readEventFilter(recording, text);
    if (typeof filter === "string") {
      repl.refuse(filter);
      return null;
    }
    let seq = position.seq + way;
    while (seq >= 1 && seq <= recording.last.seq && !filter(seq)) seq += way;
    if (seq >= 1 && seq <= recording.last.seq) {
      return { position: recording.afterEvent(seq), recording };
    }
    repl.say(`No such event ${way > 0 ? "after" : "before"} this one`);
    return null;
  });
}

function search(repl: CommandContext, text: string, find: typeof until): void {
  return jumps(repl, ({ position, recording }) => {
    const found: ExpressionChange | null = find(
      recording,
      position,
      recording.evaluator.question(text),
    );
    if (found === null) {
      repl.say(`${text} does not change`);
      return null;
    }
    const { after, before } = found;
    repl.say(before === null ? `${text}: ${after}` : `${text}: ${before} → ${after}`);
    return { position: found.position, recording };
  });
}

/**
 * Sets a breakpoint, as in `:break 31`, `:break iommu.fault if …`, `:break fault`. Without an
 * argument, lists all breakpoints.
 */
function setBreak(repl: CommandContext, argument: string): void {
  const { recording, breakpoints } = repl.cursor;
  if (argument === "") {
    if (breakpoints.all.length === 0) repl.say("No breakpoints");
    for (const stop of breakpoints.all) {
      repl.say(clip(`${stop.id}  ${breakText(repl, stop)}`, repl.columns));
    }
    return;
  }
  const [, what = "", condition] = argument.match(/^(.*?)(?:\s+if\s+(.+))?$/)!;
  const cause = causeOf(repl, what);
  if (cause === null) {
    return repl.refuse(
      `"${what}" cannot have a breakpoint: use a line, an event, a call, a function, fault, report, failure or changed EXPR`,
    );
  }
  const spec = { cause, ...condition === undefined ? {} : { condition } };
  checkBreakpoint(recording, spec);
  const stop = breakpoints.add(spec);
  const text = `breakpoint ${stop.id}: ${breakText(repl, stop)}`;
  for (const line of wrapText(text, repl.columns)) repl.say(line);
}

function causeOf(repl: CommandContext, text: string): Breakpoint["cause"] | null {
  const { recording } = repl.cursor;
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
  return causeNamed(recording, text);
}

/** The source line of a breakpoint, and the place of the statement at which it stops. */
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

function deleteBreak(repl: CommandContext, argument: string): void {
  const id = countOf(argument, repl);
  if (id !== null && !repl.cursor.breakpoints.delete(id)) {
    repl.refuse(`There is no breakpoint ${id}`);
  }
}

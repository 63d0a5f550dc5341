/**
 * What stops a run on its way: breakpoints on lines, events, incidents, failed assertions and changes
 * of what a table holds, with conditions, hit counts and messages.
 *
 * Which moments could stop is told by numbers alone; a condition is put to the machine there, in one
 * go over all of them. Forwards the first that holds stops, backwards the last.
 */
import { type Cell, changesOf } from "./cells.ts";
import { LookError, type Question } from "./look.ts";
import { statementsOnLine } from "./places.ts";
import { changesWithin, stretchBefore } from "./search.ts";
import { comparePositions, type Position, START } from "./position.ts";
import type { Recording } from "./recording.ts";

/** What a breakpoint waits for. */
export type StopCause =
  | { readonly kind: "line"; readonly file?: string; readonly line: number }
  /** Events by name; a kernel function's bare name is its call. */
  | { readonly kind: "event"; readonly names: readonly string[] }
  /** One event, by its number. */
  | { readonly kind: "moment"; readonly seq: number }
  /** Faults of the IOMMU, reports of the checker, warnings of the kernel. */
  | { readonly kind: "incident"; readonly of: readonly ("fault" | "report" | "warning")[] }
  /** The moment at which the run fails. */
  | { readonly kind: "failure" }
  /** A row of a table begins, is written anew, or ends. */
  | { readonly kind: "data"; readonly cell: Cell }
  /** An expression comes to be something else. Such a breakpoint has no message. */
  | { readonly kind: "change"; readonly expression: string };

/** A breakpoint, as somebody sets it. */
export interface StopSpec {
  readonly cause: StopCause;
  /** Stops only where this holds: an expression, asked in the innermost call of the script. */
  readonly condition?: string;
  /** Stops from the so many-th time on. */
  readonly hits?: number;
  /** Never stops, and says what this expression is: a string with `{names}` in it will do. */
  readonly log?: string;
}

/** A breakpoint that is set. */
export interface Stop extends StopSpec {
  readonly id: number;
}

/** A moment at which something stopped. */
export interface StopHit {
  readonly at: Position;
  readonly stop: Stop;
}

/** What a breakpoint that only logs had to say. */
export interface LoggedLine {
  readonly at: Position;
  readonly text: string;
}

const INCIDENT_EVENTS = { fault: "iommu.fault", report: "dma.report", warning: "kernel.warn" };

/** Moments between two looks at whether somebody wants a search to end. */
const WINDOW_MOMENTS = 4096;

/** Moments of the first stretch in which a change is looked for backwards. */
const FIRST_MOMENTS = 1024;

/** How often a breakpoint was come to, as far as that was counted. */
interface Counted {
  count: number;
  upTo: Position;
  /** From where on it stops; null while it was not come to often enough. */
  enoughAt: Position | null;
}

/** Which moments a breakpoint could stop at, without its condition. */
interface Places {
  readonly stop: Stop;
  readonly counted: Counted;
  readonly condition: Question | null;
  readonly log: Question | null;
  /** Statements of the code, by number. */
  readonly statements: ReadonlySet<number> | null;
  /** Kinds of events, by number. */
  readonly kinds: ReadonlySet<number> | null;
  /** Events themselves. */
  readonly events: ReadonlySet<number> | null;
}

/** Breakpoints, by the numbers that they were given. */
export class Stops {
  readonly #stops = new Map<number, Stop>();
  #lastId = 0;
  /** By the numbers of the breakpoints. */
  readonly #counted = new WeakMap<Recording, Map<number, Counted>>();

  /** All that are set, in the order in which they were. */
  get all(): readonly Stop[] {
    return [...this.#stops.values()];
  }

  /** Sets one. */
  add(spec: StopSpec): Stop {
    const stop = { ...spec, id: ++this.#lastId };
    this.#stops.set(stop.id, stop);
    return stop;
  }

  /** Takes one away. False when there is none of that number. */
  delete(id: number): boolean {
    return this.#stops.delete(id);
  }

  /** Takes all away for which it is true. */
  deleteWhere(isMeant: (stop: Stop) => boolean): void {
    for (const stop of this.all) if (isMeant(stop)) this.#stops.delete(stop.id);
  }

  /**
   * What stops first on the way from one moment to another, whichever is later; the one that the way
   * begins at stops nobody.
   *
   * @throws {LookError} When a condition can be asked nowhere: its names are wrong.
   * @throws {Interrupted} When somebody ended the search.
   */
  between(
    recording: Recording,
    from: Position,
    to: Position,
  ): { readonly hit: StopHit | null; readonly logged: readonly LoggedLine[] } {
    if (this.#stops.size === 0) return { hit: null, logged: [] };
    const places = this.all.map((stop) => ({
      ...placesOf(recording, stop),
      counted: this.#countedOf(recording, stop),
    }));
    const stopping = places.filter(({ log }) => log === null);
    const forward = comparePositions(from, to) <= 0;
    const known = forward
      ? firstHit(recording, stopping, from, to)
      : lastHit(recording, stopping, to, from);
    const hit = this.#changeBefore(recording, from, known, to) ?? known;
    const logging = forward ? places.filter(({ log }) => log !== null) : [];
    const logged = loggedBetween(recording, logging, from, hit?.at ?? to);
    return { hit, logged };
  }

  /** A change of an expression that is on the way before something else that stops. */
  #changeBefore(
    recording: Recording,
    from: Position,
    other: StopHit | null,
    to: Position,
  ): StopHit | null {
    let nearest: StopHit | null = null;
    for (const stop of this.all) {
      if (stop.cause.kind !== "change") continue;
      const limit: Position = (nearest ?? other)?.at ?? to;
      const question = recording.looker.question(stop.cause.expression);
      const at: Position | null = comparePositions(from, to) <= 0
        ? firstChange(recording, stop, question, from, limit)
        : lastChange(recording, stop, question, limit, from);
      if (at !== null) nearest = { at, stop };
    }
    return nearest;
  }

  #countedOf(recording: Recording, { id }: Stop): Counted {
    const all = this.#counted.get(recording) ?? new Map<number, Counted>();
    this.#counted.set(recording, all);
    const counted = all.get(id) ?? { count: 0, upTo: START, enoughAt: null };
    all.set(id, counted);
    return counted;
  }

  /** Where a breakpoint is on a line that starts a statement; null for none, and for other causes. */
  lineOf(recording: Recording, { cause }: StopSpec): number | null {
    return cause.kind === "line" ? statementsOnLine(recording, cause).line : null;
  }
}

function placesOf(recording: Recording, stop: Stop): Omit<Places, "counted"> {
  const { cause, condition, log } = stop;
  const { eventNames } = recording.looker.registry;
  const kindsNamed = (names: readonly string[]) =>
    new Set(names.flatMap((name) => {
      const kind = [name, `call.${name}`].map((each) => eventNames.indexOf(each))
        .find((each) => each >= 0);
      return kind ?? [];
    }));
  const nothing = { statements: null, kinds: null, events: null };
  const common = {
    stop,
    condition: condition === undefined ? null : recording.looker.question(condition),
    log: log === undefined ? null : recording.looker.question(log),
    ...nothing,
  };
  switch (cause.kind) {
    case "line":
      return { ...common, statements: statementsOnLine(recording, cause).numbers };
    case "event":
      return { ...common, kinds: kindsNamed(cause.names) };
    case "moment":
      return { ...common, events: new Set([cause.seq]) };
    case "incident":
      return { ...common, kinds: kindsNamed(cause.of.map((each) => INCIDENT_EVENTS[each])) };
    case "failure":
    case "change":
      return common;
    case "data":
      return { ...common, events: new Set(changesOf(recording, cause.cell).map(({ seq }) => seq)) };
  }
}

/** A moment that could stop. */
interface Candidate {
  readonly at: Position;
  readonly places: Places;
}

/** Moments of `(from, to]` that could stop, in order. */
function* candidates(
  recording: Recording,
  all: readonly Places[],
  from: Position,
  to: Position,
): Generator<Candidate> {
  const { log, statements } = recording;
  const lines = all.filter((each) => each.statements !== null);
  const kinds = all.filter((each) => each.kinds !== null);
  const events = all.filter((each) => each.events !== null);
  const looksAtEvents = kinds.length + events.length > 0;
  let seq = from.seq;
  const eventsUpTo = function* (end: number, statement: number): Generator<Candidate> {
    if (!looksAtEvents) return;
    for (let event = seq + 1; event <= end; event++) {
      const kind = log.kindAt(event);
      const at = { seq: event, statement };
      for (const places of kinds) if (places.kinds!.has(kind)) yield { at, places };
      for (const places of events) if (places.events!.has(event)) yield { at, places };
    }
  };
  const last = Math.min(to.statement, statements.count);
  for (let started = from.statement + 1; started <= last; started++) {
    const startSeq = statements.seqAt(started);
    if (startSeq > seq) {
      yield* eventsUpTo(startSeq, started - 1);
      seq = startSeq;
    }
    if (lines.length === 0) continue;
    const number = statements.numberAt(started);
    const at = { seq: startSeq, statement: started };
    for (const places of lines) if (places.statements!.has(number)) yield { at, places };
  }
  yield* eventsUpTo(to.seq, last);
  const failed = all.find(({ stop }) => stop.cause.kind === "failure");
  const { failedAt } = recording;
  if (failed === undefined || failedAt === null) return;
  const isPassed = comparePositions(from, failedAt) < 0 && comparePositions(failedAt, to) <= 0;
  if (isPassed) yield { at: failedAt, places: failed };
}

/**
 * Candidates that stop, in order, until there are so many. Conditions are asked in one go over all of
 * them: a machine that has answered goes on to the next, and never begins anew.
 */
function hitsWithin(
  recording: Recording,
  all: readonly Places[],
  from: Position,
  to: Position,
  most = Infinity,
): readonly StopHit[] {
  const hits: StopHit[] = [];
  const queue = candidates(recording, all, from, to);
  let next = queue.next();
  while (!next.done && hits.length < most) {
    const holding: Candidate[] = [];
    const passPlain = () => {
      while (!next.done && next.value.places.condition === null && holding.length < most) {
        holding.push(next.value);
        next = queue.next();
      }
      return next.done || holding.length >= most ? null : next.value;
    };
    const asked = passPlain();
    if (asked !== null) {
      recording.reruns.visit(asked.at, (seen) => {
        const candidate = next.value as Candidate;
        next = queue.next();
        if (holds(candidate.places.condition!, seen)) holding.push(candidate);
        return passPlain()?.at ?? null;
      });
    }
    for (const { at, places } of holding) {
      if (countsEnough(recording, places, at)) hits.push({ at, stop: places.stop });
    }
  }
  return hits;
}

/** The first candidate that stops. */
function firstHit(
  recording: Recording,
  all: readonly Places[],
  from: Position,
  to: Position,
): StopHit | null {
  return hitsWithin(recording, all, from, to, 1)[0] ?? null;
}

/** The last candidate of `(from, to)` that stops: looked for in ever longer stretches. */
function lastHit(
  recording: Recording,
  all: readonly Places[],
  from: Position,
  to: Position,
): StopHit | null {
  let end = to;
  for (let moments = WINDOW_MOMENTS; comparePositions(end, from) > 0; moments *= 4) {
    const first = Math.max(from.seq, end.seq - moments);
    const statement = Math.max(from.statement, end.statement - moments);
    const begin = laterOf(recording, { seq: first, statement }, from);
    const hits = hitsWithin(recording, all, begin, end)
      .filter(({ at }) => comparePositions(at, to) < 0);
    const last = hits.at(-1);
    // Of several at one moment it is the same as on the way ahead.
    if (last !== undefined) return hits.find(({ at }) => comparePositions(at, last.at) === 0)!;
    end = begin;
  }
  return null;
}

/** A moment that there is, not before a rough one's event nor its statement. */
function laterOf(recording: Recording, rough: Position, from: Position): Position {
  if (comparePositions(rough, from) <= 0) return from;
  const { statements } = recording;
  const bySeq = recording.afterEvent(rough.seq);
  if (rough.statement === 0 || rough.statement > statements.count) return bySeq;
  const byStatement = { seq: statements.seqAt(rough.statement), statement: rough.statement };
  const later = comparePositions(bySeq, byStatement) > 0 ? bySeq : byStatement;
  return comparePositions(later, from) > 0 ? later : from;
}

/** The first change of `(from, to)`, or at the end of the run, at which a breakpoint stops. */
function firstChange(
  recording: Recording,
  stop: Stop,
  question: Question,
  from: Position,
  to: Position,
): Position | null {
  for (let at = from;;) {
    const [change] = changesWithin(recording, at, to, question, 1);
    if (change === undefined) return null;
    if (stopsAtChange(recording, stop, question, change)) return change;
    at = change;
  }
}

/** The last change of `(from, to)` at which a breakpoint stops: looked for in ever longer stretches. */
function lastChange(
  recording: Recording,
  stop: Stop,
  question: Question,
  from: Position,
  to: Position,
): Position | null {
  let end = to;
  for (let moments = FIRST_MOMENTS; comparePositions(end, from) > 0; moments *= 4) {
    const rough = stretchBefore(recording, end, moments);
    const begin = comparePositions(rough, from) < 0 ? from : rough;
    const last = changesWithin(recording, begin, end, question)
      .findLast((at) =>
        comparePositions(at, to) < 0 && stopsAtChange(recording, stop, question, at)
      );
    if (last !== undefined) return last;
    end = begin;
  }
  return null;
}

/** Whether a change is one that its condition and its hit count mean. */
function stopsAtChange(
  recording: Recording,
  { condition, hits = 1 }: Stop,
  question: Question,
  at: Position,
): boolean {
  if (condition !== undefined) {
    const asked = recording.looker.question(condition);
    if (!recording.reruns.look(at, (seen) => holds(asked, seen))) return false;
  }
  return hits <= 1 || changesWithin(recording, START, at, question).length >= hits;
}

function holds(condition: Question, seen: Parameters<Question["ask"]>[0]): boolean {
  try {
    return condition.ask(seen).value === true;
  } catch (error) {
    // What cannot be asked there does not hold there.
    if (error instanceof LookError && error.diagnostics.length === 0) return false;
    throw error;
  }
}

/** Whether a breakpoint has been come to so often that it stops. Each stretch is counted once. */
function countsEnough(recording: Recording, places: Places, at: Position): boolean {
  const { counted, stop } = places;
  const { hits = 1 } = stop;
  if (hits <= 1) return true;
  const uncounted = { ...places, stop: { ...stop, hits: 1 } };
  while (counted.enoughAt === null && comparePositions(counted.upTo, at) < 0) {
    const hit = firstHit(recording, [uncounted], counted.upTo, at);
    counted.upTo = hit?.at ?? at;
    if (hit !== null && ++counted.count === hits) counted.enoughAt = hit.at;
  }
  return counted.enoughAt !== null && comparePositions(counted.enoughAt, at) <= 0;
}

function loggedBetween(
  recording: Recording,
  all: readonly Places[],
  from: Position,
  to: Position,
): readonly LoggedLine[] {
  const logged: LoggedLine[] = [];
  if (all.length === 0) return logged;
  const found = candidates(recording, all, from, to);
  let next = found.next();
  if (next.done) return logged;
  recording.reruns.visit(next.value.at, (seen) => {
    const { places: { condition, log } } = next.value as Candidate;
    if (condition === null || holds(condition, seen)) {
      logged.push({ at: seen.at, text: said(log!, seen) });
    }
    next = found.next();
    return next.done ? null : next.value.at;
  });
  return logged;
}

function said(log: Question, seen: Parameters<Question["ask"]>[0]): string {
  try {
    const { text, value } = log.ask(seen);
    return typeof value === "string" ? value : text;
  } catch (error) {
    if (error instanceof LookError) return `${log.text}: ${error.message}`;
    throw error;
  }
}

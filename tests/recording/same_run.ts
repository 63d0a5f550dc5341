/**
 * Checks that a run stays the same when it is recorded, recorded again, or not recorded, and after
 * any moves between its positions.
 */
import { assert, assertEquals } from "@std/assert";
import { loadForDebugging, loadProgram } from "@dmalab/lang";
import {
  boundValues,
  comparePositions,
  evaluate,
  move,
  type PausedRun,
  type Position,
  type Recording,
  recordRun,
  runsOf,
  START,
  type StepCommand,
  Timeline,
  variablesAt,
} from "@dmalab/recording";
import { runProgram } from "@dmalab/lang/program";
import { Random } from "@dmalab/runtime";
import {
  type HistoryTable,
  MachineRecording,
  type RecordedMachine,
} from "@dmalab/runtime/recording";
import { openScenario } from "../examples.ts";

/** How much of each run is compared. */
export interface Thoroughness {
  /**
   * The largest number of events, of statements, and of rows of each table that are compared one by
   * one.
   */
  readonly compared: number;
  /** Number of steps forward, and the same number back, for each unit. */
  readonly moves: number;
  /** Number of random positions at which the machine is examined. */
  readonly looks: number;
}

export interface Compared {
  runs: number;
  events: number;
  moves: number;
  looks: number;
}

/** Records, one at a time, each run of a scenario, except the skipped runs. */
export function* recordingsOf(path: string): Generator<Recording> {
  const { entry, loader } = openScenario(path);
  const { program } = loadForDebugging(entry, loader);
  for (const run of runsOf(program!)) if (!run.skip) yield recordRun(program!, run);
}

/** All data of a recording in pieces, each with the name of its place. */
function* partsOf({ log, output, statements, tables }: Recording, compared: number) {
  yield ["counts", [log.count, statements.count, output.length]];
  for (let seq = 1; seq <= Math.min(log.count, compared); seq++) {
    yield [`event ${seq}`, log.event(seq)];
  }
  for (let started = 1; started <= Math.min(statements.count, compared); started++) {
    yield [`statement ${started}`, [
      statements.seqAt(started),
      statements.numberAt(started),
      statements.depthAt(started),
    ]];
  }
  yield ["output", output];
  for (const table of tables) yield* rowsOf(table, compared);
}

/** All rows that a table ever had. */
function* rowsOf(table: HistoryTable, compared: number) {
  const { count, spec: { name } } = table;
  yield [`${name}`, count];
  for (let row = 0; row < Math.min(count, compared); row++) {
    yield [`row ${row} of ${name}`, [table.since(row), table.row(row)]];
  }
}

function sameRun(one: Recording, other: Recording, compared: number): void {
  assertEquals(one.failure?.lines ?? null, other.failure?.lines ?? null);
  const others = partsOf(other, compared);
  for (const [where, what] of partsOf(one, compared)) {
    const { value } = others.next();
    const [text, otherText] = [JSON.stringify(what), JSON.stringify(value?.[1])];
    if (text !== otherText) assertEquals(text, otherText, `${one.name.name}: ${where}`);
  }
}

/** A hash of all data of a recording. */
function digestOf(recording: Recording, compared: number): number {
  let hash = 0;
  for (const [, what] of partsOf(recording, compared)) {
    const text = JSON.stringify(what);
    for (let at = 0; at < text.length; at++) hash = (hash * 31 + text.charCodeAt(at)) | 0;
  }
  return hash;
}

/**
 * Steps forward until `moves` steps are done or the run ends, and then the same number of steps
 * back. Returns the number of positions on the way forward and back.
 */
function circle(recording: Recording, unit: StepCommand["unit"], moves: number): number {
  const trail: Position[] = [START];
  for (let turn = 0; turn < moves; turn++) {
    const { position, reason } = move(recording, trail.at(-1)!, { unit, direction: "forward" });
    if (reason !== "arrived") break;
    trail.push(position);
  }
  let position = trail.at(-1)!;
  for (const place of trail.toReversed().slice(1)) {
    if (unit === "into" && place.statement === 0) break;
    position = move(recording, position, { unit, direction: "back" }).position;
    assertEquals(position, place, `${recording.name.name}, back by ${unit}`);
  }
  return 2 * trail.length;
}

/** Expressions that have a value in every run. */
const ASKED = ["iommu.live_mappings", "swiotlb.used", "counters", "events.length"];

/** The expressions to evaluate at a position: the machine's counters, and every visible name. */
function askedAt(recording: Recording, position: Position): readonly string[] {
  return [...ASKED, ...variablesAt(recording, position).map(({ name }) => name)];
}

/** A text, or the error message if it cannot be computed. */
function textOrMessage(text: () => string): string {
  try {
    return text();
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * The rows of every table at an event, as text. The ends of rows are left out, because a run that stops
 * at the event does not know them.
 */
function rowsIn(tables: Iterable<HistoryTable>, seq: number): readonly string[] {
  return [...tables].flatMap((table) =>
    table.rowsAt(seq).map((row) => {
      const { endedSeq: _, ...fields } = table.row(row);
      return `${table.spec.name} ${JSON.stringify(fields)}`;
    })
  ).sort();
}

/**
 * Compares the tables and expressions at a position with those of a new run. The new run stops at
 * the position, and fills its tables from its own events.
 *
 * @throws {AssertionError} At the first difference.
 */
export function comparePosition(recording: Recording, position: Position): number {
  const where = `${recording.name.name} at ${position.seq}.${position.statement}`;
  const { known, start } = recording.timeline;
  let own: RecordedMachine | null = null;
  const fresh = new Timeline(known, (onVm) =>
    start((vm) => {
      own = vm.machine.record(MachineRecording);
      onVm(vm);
      vm.machine.readEventsAgain(own.log);
    }));
  const expressions = askedAt(recording, position);
  const values = expressions.map((text) =>
    textOrMessage(() => evaluate(recording, position, text).text)
  );
  const isAtFailure = recording.returnedCalls(position) > 0;
  const { count, rows, said } = fresh.at(position, (paused) => ({
    // Read here, because the run continues from here to the end of its activity.
    count: own!.log.count,
    rows: rowsIn(own!.tables.values(), position.seq),
    said: expressions.map((text) =>
      textOrMessage(() => {
        const frame = isAtFailure ? paused.frames().at(-1)! : undefined;
        return recording.evaluator.question(text).evaluate(paused, frame).text;
      })
    ),
  }));
  assertEquals(count, position.seq, `${where}: events`);
  assertEquals(rowsIn(recording.tables, position.seq), rows, where);
  assertEquals(values, said, where);
  return rows.length + said.length;
}

/** The machine's data at a position. */
function seenThere(recording: Recording, timeline: Timeline, position: Position): unknown {
  return timeline.at(position, (paused: PausedRun) => {
    const { iommu } = paused.vm.lab.machine;
    const frame = paused.frames()[0];
    const names = frame === undefined ? [] : boundValues(paused, frame);
    return {
      seq: paused.vm.machine.stream.seq,
      nowNs: paused.vm.machine.nowNs(),
      toDo: paused.vm.machine.pendingActivities(),
      ptes: iommu.domains.map((domain) => {
        let leaves = 0;
        domain.table.forEachLeaf(0, domain.table.lastAddress, () => leaves++);
        return leaves;
      }),
      names: names.map(({ name, value }) =>
        `${name} ${recording.evaluator.answer(value, paused).text}`
      ),
    };
  });
}

/** Checks that the kept machines of a timeline give the same data as a new run. */
function sameLook(recording: Recording, position: Position): void {
  const { known, start } = recording.timeline;
  assertEquals(
    seenThere(recording, recording.timeline, position),
    seenThere(recording, new Timeline(known, start), position),
    `${recording.name.name} at ${position.seq}.${position.statement}`,
  );
}

/**
 * Compares each run of a scenario with a second recording of the run and with an unrecorded run.
 * The comparison is made before and after moving forward and back in the run.
 *
 * @throws {AssertionError} At the first difference.
 */
export function compareRuns(path: string, { compared, looks, moves }: Thoroughness): Compared {
  const { entry, loader } = openScenario(path);
  const plain = runProgram(loadProgram(entry, loader).program!);
  const outcomes = plain.outcomes.filter(({ outcome }) => outcome !== "skipped");
  const again = recordingsOf(path);
  const draws = new Random(path.length);
  const done: Compared = { runs: 0, events: 0, moves: 0, looks: 0 };
  for (const recording of recordingsOf(path)) {
    const { cases, events, failure } = outcomes[done.runs++]!;
    if (cases === 1) assertEquals(recording.log.count, events, recording.name.name);
    assertEquals(recording.failure?.code, failure?.code);
    sameRun(recording, again.next().value!, compared);
    const before = digestOf(recording, compared);
    for (const unit of ["event", "into", "activity"] as const) {
      done.moves += circle(recording, unit, moves);
    }
    for (let look = 0; look < looks; look++) {
      sameLook(recording, recording.afterEvent(draws.below(recording.log.count + 1)));
    }
    assertEquals(digestOf(recording, compared), before, recording.name.name);
    done.events += recording.log.count;
    done.looks += looks;
  }
  assertEquals(done.runs, outcomes.length);
  return done;
}

/**
 * Makes random moves in a run. After every `lookEvery` moves, compares the machine with the machine
 * of a new run.
 *
 * @returns The number of different positions that were visited.
 */
export function moveAtRandom(recording: Recording, moves: number, lookEvery: number): number {
  const units = ["event", "over", "into", "out", "activity"] as const;
  const draws = new Random(28);
  let position = START;
  const visited = new Set<string>();
  for (let turn = 0; turn < moves; turn++) {
    const unit = units[draws.below(units.length)]!;
    const direction = draws.below(2) === 0 ? "forward" : "back";
    const outcome = move(recording, position, { unit, direction, count: 1 + draws.below(9) });
    const order = comparePositions(outcome.position, position);
    assert(
      direction === "forward" ? order >= 0 : order <= 0,
      `${direction} by ${unit} from ${position.seq}`,
    );
    assert(recording.has(outcome.position));
    position = outcome.position;
    visited.add(`${position.seq} ${position.statement}`);
    if (turn % lookEvery === 0) sameLook(recording, position);
  }
  return visited.size;
}

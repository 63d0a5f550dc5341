/**
 * Every run of every example is the same when it is recorded, when it is recorded again, and wherever
 * one has been in it in between.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { HostLoader } from "../cli/host_loader.ts";
import { loadFollowed, loadProgram } from "../lang/language.ts";
import {
  comparePositions,
  move,
  type Position,
  type Recording,
  recordRun,
  runsOf,
  START,
  type Step,
} from "../lang/recording/mod.ts";
import { boundValues, Reruns, type Seen } from "../lang/recording/reruns.ts";
import { runProgram } from "../lang/run/run_program.ts";
import { Random } from "../runtime/random.ts";
import { scenariosBelow } from "./examples.ts";
import { ROOT } from "./source_text.ts";

/** Events of a run that are compared one by one, and moves that are made there and back. */
const COMPARED_EVENTS = 2000;
const CIRCLE_MOVES = 400;
/** Looks at each run, at random moments. */
const LOOKS = 3;
/** Random moves in one run, and how many there are between two looks. */
const RANDOM_MOVES = 10_000;
const LOOK_EVERY = 100;

function open(path: string) {
  const opened = HostLoader.open(join(ROOT, path));
  if (typeof opened === "string") throw new Error(opened);
  return opened;
}

function recordings(path: string): readonly Recording[] {
  const { entry, loader } = open(path);
  const { program } = loadFollowed(entry, loader);
  return runsOf(program!).filter(({ skip }) => !skip).map((run) => recordRun(program!, run));
}

/** All that a run says of itself, as far as it is compared. */
function digest({ code, failure, log, output, statements, tables }: Recording): unknown {
  const started = Math.min(statements.count, COMPARED_EVENTS);
  return {
    events: log.count,
    first: log.between(0, Math.min(log.count, COMPARED_EVENTS)),
    statements: Array.from({ length: started }, (_, index) => [
      statements.seqAt(index + 1),
      code.statements[statements.numberAt(index + 1)]!.span.start,
      statements.depthAt(index + 1),
    ]),
    started: statements.count,
    output,
    failure: failure?.lines ?? null,
    tables: tables.map((table) =>
      table.rowsAt(log.count).map((row) => JSON.stringify(table.row(row))).sort()
    ),
  };
}

/** A step and its reverse, as often as there is somewhere to go. */
function circle(recording: Recording, unit: Step["unit"]): void {
  const trail: Position[] = [START];
  for (let turn = 0; turn < CIRCLE_MOVES; turn++) {
    const { at, reason } = move(recording, trail.at(-1)!, { unit, way: "forward" });
    if (reason !== "arrived") break;
    trail.push(at);
  }
  let at = trail.at(-1)!;
  for (const place of trail.toReversed().slice(1)) {
    if (unit === "into" && place.statement === 0) break;
    at = move(recording, at, { unit, way: "back" }).at;
    assertEquals(at, place, `${recording.name.name}, back by ${unit}`);
  }
}

/** What the machine itself says at a moment. */
function seenThere(recording: Recording, reruns: Reruns, at: Position): unknown {
  return reruns.look(at, (seen: Seen) => {
    const { iommu } = seen.vm.lab.machine;
    const frame = seen.frames()[0];
    const names = frame === undefined ? [] : boundValues(seen, frame);
    return {
      seq: seen.vm.world.stream.seq,
      nowNs: seen.vm.world.nowNs(),
      toDo: seen.vm.world.pendingActivities(),
      ptes: iommu.domains.map((domain) => {
        let leaves = 0;
        domain.table.forEachLeaf(0, domain.table.lastAddress, () => leaves++);
        return leaves;
      }),
      names: names.map(({ name, value }) => `${name} ${recording.looker.answer(value, seen).text}`),
    };
  });
}

for (const path of scenariosBelow("examples")) {
  Deno.test(`runs of ${path} are the same recorded, again and plain, there and back`, () => {
    const first = recordings(path);
    const again = recordings(path);
    const { entry, loader } = open(path);
    const plain = runProgram(loadProgram(entry, loader).program!);
    const counts = plain.outcomes.filter(({ outcome }) => outcome !== "skipped");
    assertEquals(first.length, counts.length);
    const draws = new Random(path.length);
    first.forEach((recording, index) => {
      const { cases, events, failure } = counts[index]!;
      if (cases === 1) assertEquals(recording.log.count, events, recording.name.name);
      assertEquals(recording.failure?.code, failure?.code);
      assertEquals(digest(recording), digest(again[index]!));
      const before = JSON.stringify(digest(recording));
      for (const unit of ["event", "into", "activity"] as const) circle(recording, unit);
      const { known, start } = recording.reruns;
      for (let look = 0; look < LOOKS; look++) {
        const at = recording.afterEvent(draws.below(recording.log.count + 1));
        assertEquals(
          seenThere(recording, recording.reruns, at),
          seenThere(recording, new Reruns(known, start), at),
          `${recording.name.name} at ${at.seq}`,
        );
      }
      assertEquals(JSON.stringify(digest(recording)), before);
    });
  });
}

Deno.test(`${RANDOM_MOVES} random moves end where a fresh run to that place ends`, () => {
  const path = scenariosBelow("examples").find((each) => each.startsWith("examples/28-"))!;
  const recording = recordings(path).toSorted((a, b) => b.log.count - a.log.count)[0]!;
  const units = ["event", "over", "into", "out", "activity"] as const;
  const draws = new Random(28);
  const { known, start } = recording.reruns;
  let at = START;
  const visited = new Set<string>();
  for (let turn = 0; turn < RANDOM_MOVES; turn++) {
    const unit = units[draws.below(units.length)]!;
    const way = draws.below(2) === 0 ? "forward" : "back";
    const moved = move(recording, at, { unit, way, count: 1 + draws.below(9) });
    const order = comparePositions(moved.at, at);
    assert(way === "forward" ? order >= 0 : order <= 0, `${way} by ${unit} from ${at.seq}`);
    assert(recording.has(moved.at));
    at = moved.at;
    visited.add(`${at.seq} ${at.statement}`);
    if (turn % LOOK_EVERY !== 0) continue;
    assertEquals(
      seenThere(recording, recording.reruns, at),
      seenThere(recording, new Reruns(known, start), at),
    );
  }
  assert(visited.size > 50, `only ${visited.size} places`);
});

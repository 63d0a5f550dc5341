import { assert, assertEquals, assertThrows } from "@std/assert";
import { BUILTINS } from "@dmalab/lang/builtins";
import { loadProgram, RunWatch } from "@dmalab/lang/run";
import { SourceFile } from "@dmalab/lang";
import { memoryFiles } from "@dmalab/lang/syntax";
import { EvaluationError } from "./evaluator.ts";
import { Cursor } from "./cursor.ts";
import type { StepCommand } from "./step.ts";
import { openRun, recordRun, runsOf } from "./open.ts";
import { atLine, atOutput, atTime } from "./places.ts";
import {
  comparePositions,
  nextPosition,
  ordinalOf,
  type Position,
  positionAt,
  START,
} from "./position.ts";
import type { Recording } from "./recording.ts";
import { Cancelled } from "./machines/replay.ts";
import { Timeline } from "./machines/timeline.ts";
import { rewind, until } from "./search.ts";
import { checkBreakpoint } from "./breakpoints/check_breakpoint.ts";
import type { Breakpoint } from "./breakpoints/breakpoint.ts";
import { BreakpointSet } from "./breakpoints/breakpoint_set.ts";

const SCRIPT =
  `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { queues = 1 } } } }
const page = alloc_pages(1)
fn twice(size) {
  let sum = size + size
  return sum
}
let total = 0B
for turn in 0..3 {
  let m = dma_map_phys(ssd, page.phys, twice(2KiB), to_device)
  total += 4KiB
  dma_unmap_phys(ssd, m, 4KiB, to_device)
}
print "mapped {total}"
let io = ssd.submit(read, lba: 0, into: alloc_pages(2))
wait io
advance 2us
print "done"
test "fails" matrix { iommu.mode = [strict, lazy] } {
  let seen = [1]
  seen.push(2)
  assert seen.length == 3
}
`;

/** Makes a step from a position. A breakpoint may end the step early. */
function stepFrom(
  recording: Recording,
  from: Position,
  step: StepCommand,
  breakpoints: BreakpointSet,
) {
  const cursor = new Cursor(recording, breakpoints);
  cursor.goTo(from);
  return cursor.move(step);
}

function recordings(text = SCRIPT): readonly Recording[] {
  const loaded = loadProgram(new SourceFile("t.dma", text), memoryFiles({}), BUILTINS, true);
  const { program } = loaded;
  assert(program !== null, loaded.diagnostics.map(({ message }) => message).join("\n"));
  return runsOf(program).map((choice) => recordRun(program, choice));
}

const recorded = (text?: string) => recordings(text)[0]!;

const ask = (recording: Recording, position: Position, text: string) =>
  recording.timeline.at(
    position,
    (paused) => recording.evaluator.question(text).evaluate(paused).text,
  );

const line = (recording: Recording, position: Position) => {
  const statement = recording.statement(position);
  return statement === null ? 0 : statement.span.source.position(statement.span.start).line;
};

/** Every position of a run, in order. */
function momentsOf(recording: Recording): readonly Position[] {
  const moments: Position[] = [];
  for (
    let position: Position | null = START;
    position !== null;
    position = nextPosition(recording, position)
  ) {
    moments.push(position);
  }
  return moments;
}

Deno.test("a file has a run for its statements and one for each test and machine", () => {
  const runs = recordings();
  assertEquals(
    runs.map(({ name }) => `${name.kind} ${name.name} ${name.combination}`.trim()),
    ["main", "test fails iommu.mode = strict", "test fails iommu.mode = lazy"],
  );
  assertEquals(runs[0]!.failure, null);
  assertEquals(runs[1]!.failure?.code, "E0901");
  assertEquals(runs[0]!.output.map(({ text }) => text), ["mapped 12KiB", "done"]);
});

Deno.test("moments are events and starts of statements, each once, and the same both ways", () => {
  const recording = recorded();
  const moments = momentsOf(recording);
  const { last } = recording;
  assertEquals(moments.length, 1 + last.seq + last.statement);
  assertEquals(moments.at(-1), last);
  for (let index = 1; index < moments.length; index++) {
    assert(comparePositions(moments[index - 1]!, moments[index]!) < 0);
    assertEquals(
      positionAt(recording.timeline.known, ordinalOf(moments[index]!) - 1),
      moments[index - 1],
    );
    assert(recording.has(moments[index]!));
  }
});

Deno.test("lines, times and printed lines are places of a run", () => {
  const recording = recorded();
  assertEquals(line(recording, atLine(recording, { line: 11 }, START)!), 11);
  assertEquals(atLine(recording, { line: 6 }, START), atLine(recording, { line: 7 }, START));
  assertEquals(atTime(recording, 0), START);
  assertEquals(atTime(recording, 1e9), null);
  assertEquals(line(recording, atOutput(recording, 2)!), 17);
  assertEquals(atOutput(recording, 3), null);
});

Deno.test("variables and expressions are asked at any moment, and nothing changes by it", () => {
  const recording = recorded();
  const third = atLine(recording, { line: 11 }, atLine(recording, { line: 11 }, START)!)!;
  assertEquals(ask(recording, third, "total"), "8KiB");
  assertEquals(ask(recording, third, "iommu.live_mappings"), "1");
  assertEquals(ask(recording, recording.last, "total"), "12KiB");
  assertEquals(ask(recording, recording.last, "io.done"), "true");
  const inTwice = atLine(recording, { line: 5 }, START)!;
  assertEquals(ask(recording, inTwice, "sum + size"), "6KiB");
  for (
    const [text, message] of [
      ["dma_map_phys(ssd, page.phys, 4KiB, to_device)", "dma_map_phys"],
      ["page.fill(1)", "fill"],
      ["let x = 1", "Not an expression"],
      ["unknown_name", "unknown_name"],
      ["1 +", ""],
    ]
  ) {
    const error = assertThrows(() => ask(recording, third, text!), EvaluationError);
    assert(`${error.message} ${error.hint}`.includes(message!), `${text}: ${error.message}`);
  }
  assertEquals(ask(recording, third, "iommu.live_mappings"), "1");
});

Deno.test("the text of a request tells how far it is at a moment, and no more", () => {
  const recording = recorded();
  const states = ["nvme.choose", "nvme.submit", "nvme.complete", "nvme.unmap", "block.status"]
    .map((name) => {
      const seq = recording.find(name as "nvme.choose")!;
      return ask(recording, recording.afterEvent(seq), "io").split(", ").at(-1);
    });
  assertEquals(states, ["queued", "mapped", "mapped", "unmapped", "OK"]);
});

/**
 * Parks machines until there is no more to do.
 * @returns The number of calls that this took.
 */
function prepareAll(timeline: Timeline, last: Position, near: Position): number {
  let stretches = 0;
  while (timeline.prepare(last, near)) assert(++stretches < 2000);
  return stretches;
}

Deno.test("machines wait at even distances, and are replaced when looks take them", () => {
  const recording = recorded("let n = 0\nrepeat 30000 { n += 1 }\n");
  const { known, start } = recording.timeline;
  let reruns = 0;
  const waiting = new Timeline(known, (begin) => {
    reruns++;
    return start(begin);
  });
  const near = recording.atStatement(15_000);
  prepareAll(waiting, recording.last, near);
  assertEquals([waiting.checkpoints, reruns], [24, 24]);
  const expression = recording.evaluator.question("n");
  for (const further of [2, 1]) {
    const position = recording.atStatement(15_000 + further);
    assertEquals(
      waiting.at(position, (paused) => expression.evaluate(paused).text),
      new Timeline(known, start).at(position, (paused) => expression.evaluate(paused).text),
    );
  }
  // Parked machines were used, so no new replay was started for the evaluation. Preparing again
  // parks machines at the places that became free; after that, nothing is left to prepare.
  assertEquals(reruns, 24);
  assert(prepareAll(waiting, recording.last, near) > 0);
  assertEquals(waiting.checkpoints, 24 + 1);
  assertEquals(prepareAll(waiting, recording.last, near), 0);
});

Deno.test("where not all machines have room fewer wait, and preparing comes to an end", () => {
  // The written bytes cost memory in each machine.
  const recording = recorded(
    "let large = buffer(size: 8MiB, fill: counting)\nlet n = 0\nrepeat 30000 { n += 1 }\n",
  );
  const { known, start } = recording.timeline;
  const waiting = new Timeline(known, start);
  for (const near of [START, recording.last, recording.atStatement(15_000)]) {
    prepareAll(waiting, recording.last, near);
    assert(waiting.checkpoints >= 4 && waiting.checkpoints < 8, `${waiting.checkpoints}`);
    waiting.at(near, () => {});
  }
});

Deno.test("a search goes both ways, to where an expression changes", () => {
  const recording = recorded();
  const expression = recording.evaluator.question("total");
  const found = rewind(recording, recording.last, expression)!;
  assertEquals([found.before, found.after], ["8KiB", "12KiB"]);
  assertEquals(line(recording, found.position), 11);
  const next = until(recording, atLine(recording, { line: 9 }, START)!, expression)!;
  assertEquals([next.before, next.after], ["0B", "4KiB"]);
  const mapped = until(recording, START, recording.evaluator.question("iommu.live_mappings == 1"))!;
  assertEquals(recording.event(mapped.position.seq).name, "dma.map");
  assertEquals(until(recording, recording.last, expression), null);
});

Deno.test("a condition is asked once for each moment, whichever way is searched first", () => {
  const recording = recorded();
  const { timeline } = recording;
  const breakpoints = new BreakpointSet();
  breakpoints.add({ cause: { kind: "line", line: 10 }, condition: "total >= 4KiB", hits: 2 });
  breakpoints.add({ cause: { kind: "event", names: ["iommu.map"] }, condition: "total == 0B" });
  const shares: number[] = [];
  const share = breakpoints.prepare(
    recording,
    recording.last,
    25,
    (each) => void shares.push(each),
  );
  // Each evaluation reports progress, and a part of the way to the end is still left.
  assert(shares.length > 1 && share < 1, `${shares}`);
  assertEquals(shares, shares.filter((each) => each <= share).sort((a, b) => a - b));
  const walk = (from: Position, direction: "forward" | "back"): Position[] => {
    const { position, stop } = stepFrom(recording, from, { unit: "run", direction }, breakpoints);
    return stop === null ? [] : [position, ...walk(position, direction)];
  };
  const back = walk(recording.last, "back");
  const { positions } = timeline;
  assertEquals(breakpoints.prepare(recording, recording.last, 5), 1);
  assertEquals(walk(START, "forward"), back.toReversed());
  assertEquals(timeline.positions, positions);
  assertEquals(
    back.map((position) => [line(recording, position), ask(recording, position, "total")]),
    [
      [10, "8KiB"],
      [5, "0B"],
    ],
  );
});

Deno.test("a breakpoint that could never stop is refused when it is set", () => {
  const recording = recorded();
  const dmaMap = { kind: "event", names: ["dma.map"] } as const;
  const refused: readonly (readonly [Breakpoint, string])[] = [
    [{ cause: { kind: "line", line: 99 } }, "No statement starts on line 99 or after it"],
    [{ cause: { kind: "line", line: 1, file: "u.dma" } }, 'No statement of this run is in "u.dma"'],
    [{ cause: { kind: "line", line: 10 }, condition: "unknown_name == 1" }, "unknown_name"],
    [{ cause: { kind: "line", line: 10 }, condition: "3" }, "`3` is an int"],
    // The types of a function's arguments are only known at run time.
    [{ cause: { kind: "line", line: 4 }, condition: "size" }, "`size` is a size"],
    [{ cause: dmaMap, condition: "unknown_name" }, "unknown_name"],
    [{ cause: dmaMap, condition: "size_bytes" }, "`size_bytes` is a size"],
    [{ cause: { kind: "event", names: ["iova.free"] }, condition: "dir == to_device" }, "dir"],
    [{ cause: { kind: "change", expression: "unknown_name" } }, "unknown_name"],
    [{ cause: dmaMap, log: '"{unknown_name}"' }, "unknown_name"],
  ];
  for (const [spec, message] of refused) {
    assertThrows(() => checkBreakpoint(recording, spec), EvaluationError, message);
  }
});

Deno.test("a condition may use the fields of the event, and holds nowhere that it cannot be asked", () => {
  const recording = recorded();
  const hitsOf = (spec: Breakpoint) => {
    checkBreakpoint(recording, spec);
    const breakpoints = new BreakpointSet();
    breakpoints.add(spec);
    const found: string[] = [];
    for (let position = START;;) {
      const outcome = stepFrom(
        recording,
        position,
        { unit: "run", direction: "forward" },
        breakpoints,
      );
      if (outcome.stop === null) return found;
      position = outcome.position;
      found.push(
        `${recording.event(position.seq).name} ${ask(recording, position, "iommu.live_mappings")}`,
      );
    }
  };
  const dmaMap = { kind: "event", names: ["dma.map"] } as const;
  assertEquals(hitsOf({ cause: dmaMap, condition: "size_bytes == 4KiB" }).length, 3);
  assertEquals(hitsOf({ cause: dmaMap, condition: "size_bytes == 8KiB" }).length, 1);
  assertEquals(hitsOf({ cause: dmaMap, condition: "size_bytes == 4KiB and turn == 1" }).length, 1);
  assertEquals(hitsOf({ cause: dmaMap, condition: "device == ssd and request == none" }).length, 3);
  const call = { kind: "event", names: ["dma_map_phys"] } as const;
  assertEquals(
    hitsOf({ cause: call, condition: "size == 4KiB" }),
    Array(3).fill("call.dma_map_phys 0"),
  );
  // `sum` is only visible in the function, which maps nothing.
  assertEquals(hitsOf({ cause: dmaMap, condition: "sum == 4KiB" }), []);
});

Deno.test("breakpoints on one line by the thousand stop as one does, both ways", () => {
  const recording = recorded();
  const breakpoints = new BreakpointSet();
  for (let turn = 0; turn < 20_000; turn++) breakpoints.add({ cause: { kind: "line", line: 10 } });
  const forward = stepFrom(recording, START, { unit: "run", direction: "forward" }, breakpoints);
  const back = stepFrom(recording, recording.last, { unit: "run", direction: "back" }, breakpoints);
  assertEquals([forward.stop!.stop.id, back.stop!.stop.id], [1, 1]);
  assertEquals(line(recording, back.position), 10);
});

Deno.test("a search can be cancelled", () => {
  const recording = recorded("let sum = 0\nrepeat 40000 { sum += 1 }\nprint sum\n");
  let looks = 0;
  recording.timeline.watch = new RunWatch({
    nowMs: () => 0,
    interrupted: () => ++looks > 2,
  }, { timeMs: 1e9, memoryBytes: 1e9 });
  assertThrows(
    () => until(recording, START, recording.evaluator.question("1 == 2")),
    Cancelled,
  );
  looks = 0;
  const slow = recording.evaluator.question("(0..200_000).map(n => n + 1).sum()");
  assertThrows(() => until(recording, START, slow), Cancelled);
});

Deno.test("an endless run grows on request, and the recorded part can be queried", () => {
  const text = "let sum = 0\nwhile true {\n  sum += 1\n}\n";
  const { program } = loadProgram(new SourceFile("t.dma", text), memoryFiles({}), BUILTINS, true);
  const open = openRun(program!, runsOf(program!)[0]!);
  open.grow(1);
  assertEquals(open.end, { seq: 0, statement: 1 });
  open.grow(1000);
  const { end, isOver, recording } = open;
  assertEquals([end.statement, isOver], [1001, false]);
  // One statement creates the list, one starts the loop, and each further one adds an element.
  assertEquals(line(recording, end), 3);
  assertEquals(ask(recording, end, "sum"), String(1001 - 3));
  open.grow(500);
  assertEquals(ask(recording, open.end, "sum"), String(1501 - 3));
  assertEquals(ask(recording, end, "sum"), String(1001 - 3));
});

Deno.test("a run that is recorded in pieces is the one that is recorded in one go", () => {
  const text = SCRIPT;
  const { program } = loadProgram(new SourceFile("t.dma", text), memoryFiles({}), BUILTINS, true);
  for (const choice of runsOf(program!)) {
    const whole = recordRun(program!, choice);
    const open = openRun(program!, choice);
    for (let pieces = 0; !open.isOver; pieces++) {
      assert(pieces < 1000);
      open.grow(2);
    }
    const { log, output, failure, last } = open.recording;
    assertEquals(last, whole.last);
    assertEquals(log.between(0, log.count), whole.log.between(0, whole.log.count));
    assertEquals([output, failure?.lines], [whole.output, whole.failure?.lines]);
  }
});

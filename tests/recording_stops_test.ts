/**
 * Breakpoints of every kind in runs of examples. A search backwards must find the same stops as a
 * search forwards, in the opposite order, and the events themselves must confirm the stops.
 */
import { assert, assertEquals } from "@std/assert";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import {
  type Breakpoint,
  BreakpointSet,
  comparePositions,
  Cursor,
  evaluate,
  ordinalOf,
  type Position,
  positionAt,
  type Recording,
  recordRun,
  runsOf,
  START,
  type StepCommand,
} from "@dmalab/recording";
import { Random } from "@dmalab/runtime";
import { memoryFiles } from "@dmalab/lang/syntax";
import { openScenario, scenariosBelow } from "./examples.ts";
import { comparePosition, recordingsOf } from "./recording/same_run.ts";

/** Limits: the number of runs searched in each example, the breakpoints in each run, and the events of a run. */
const RUNS = 2;
const BREAKPOINTS = 4;
const MAX_EVENTS = 20_000;
/** The largest number of stops of one search: a loop has very many. */
const MAX_STOPS = 60;
/** The largest number of moments at which a condition is evaluated on the machine. */
const MAX_ASKED = 400;

function* recordings(path: string, draws: Random): Generator<Recording> {
  const { entry, loader } = openScenario(path);
  const { program } = loadForDebugging(entry, loader);
  const runs = runsOf(program!).filter(({ skip }) => !skip);
  for (let turn = 0; turn < Math.min(RUNS, runs.length); turn++) {
    const recording = recordRun(program!, runs[draws.below(runs.length)]!);
    const { count } = recording.log;
    if (count > 0 && count <= MAX_EVENTS) yield recording;
  }
}

/** Draws a breakpoint of a kind; null if the run has no place for one. */
type Draw = (recording: Recording, draws: Random) => Breakpoint | null;

const someEvent = ({ log }: Recording, draws: Random) => 1 + draws.below(log.count);

const onLine: Draw = (recording, draws) => {
  const { count } = recording.statements;
  if (count === 0) return null;
  const { span: { source, start } } = recording.started(1 + draws.below(count));
  return { cause: { kind: "line", file: source.name, line: source.position(start).line } };
};

const onEvent: Draw = (recording, draws) => ({
  cause: { kind: "event", names: [recording.eventNameAt(someEvent(recording, draws))] },
});

const onRow: Draw = ({ tables }, draws) => {
  const filled = tables.filter(({ count, spec }) => count > 0 && spec.name !== "incidents");
  if (filled.length === 0) return null;
  const table = filled[draws.below(filled.length)]!;
  const row = draws.below(table.count);
  const key = table.spec.key.map((name) => [name, table.value(row, name)]);
  const cell = { table: table.spec.name, equal: Object.fromEntries(key), covers: null };
  return { cause: { kind: "data", cell } };
};

const DRAWS: Readonly<Record<string, Draw>> = {
  line: onLine,
  event: onEvent,
  row: onRow,
  incident: () => ({ cause: { kind: "incident", of: ["fault", "report", "warning"] } }),
  counted: (recording, draws) => ({
    ...onEvent(recording, draws)!,
    hits: 2 + draws.below(3),
  }),
  conditional: (recording, draws) => {
    const spec = onEvent(recording, draws)!;
    const [name] = spec.cause.kind === "event" ? spec.cause.names : [];
    const times = eventsNamed(recording, name!).length;
    return times > MAX_ASKED ? null : { ...spec, condition: "iommu.live_mappings > 0" };
  },
};

function eventsNamed(recording: Recording, name: string): readonly number[] {
  const found: number[] = [];
  for (let seq = 1; seq <= recording.log.count; seq++) {
    if (recording.eventNameAt(seq) === name) found.push(seq);
  }
  return found;
}

/** Makes a step from a position. A breakpoint may stop the step before its end. */
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

/** All stops of a search, one after the other. */
function stopsOf(
  recording: Recording,
  breakpoints: BreakpointSet,
  direction: "forward" | "back",
): readonly Position[] {
  const found: Position[] = [];
  let position = direction === "forward" ? START : recording.last;
  while (found.length < MAX_STOPS) {
    const outcome = stepFrom(recording, position, { unit: "run", direction }, breakpoints);
    if (outcome.reason !== "stop") break;
    assert(
      comparePositions(outcome.position, position) * (direction === "forward" ? 1 : -1) > 0,
      "it went on",
    );
    found.push(position = outcome.position);
  }
  return found;
}

const times = new Map<string, number>();

for (const [index, path] of scenariosBelow("examples").entries()) {
  const size = index % 3 === 0 ? "" : " (long)";
  Deno.test(`breakpoints of ${path} stop at the same moments both ways${size}`, () => {
    const draws = new Random(path.length);
    for (const recording of recordings(path, draws)) {
      for (let turn = 0; turn < BREAKPOINTS; turn++) {
        const kinds = Object.keys(DRAWS);
        const kind = kinds[draws.below(kinds.length)]!;
        const spec = DRAWS[kind]!(recording, draws);
        if (spec === null) continue;
        const breakpoints = new BreakpointSet();
        breakpoints.add(spec);
        const what = `${recording.name.name}: ${JSON.stringify(spec)}`;
        const ahead = stopsOf(recording, breakpoints, "forward");
        const behind = stopsOf(recording, breakpoints, "back");
        if (ahead.length < MAX_STOPS) assertEquals(behind.toReversed(), ahead, what);
        times.set(kind, (times.get(kind) ?? 0) + ahead.length);
        const { cause } = spec;
        if (cause.kind !== "event" || spec.condition !== undefined) continue;
        const said = eventsNamed(recording, cause.names[0]!).slice((spec.hits ?? 1) - 1);
        assertEquals(ahead.map(({ seq }) => seq), said.slice(0, MAX_STOPS), what);
      }
    }
  });
}

/**
 * `POSITIONS`: number of compared positions of each example. Runs with more than `QUICK_EVENTS`
 * events are compared only in the long suite, because their comparisons take long.
 */
const POSITIONS = 60;
const QUICK_EVENTS = 3000;

for (const [index, path] of scenariosBelow("examples").entries()) {
  const size = index % 3 === 1 ? "" : " (long)";
  Deno.test(`${POSITIONS} positions of ${path} hold what a run holds that stops there${size}`, () => {
    const draws = new Random(path.length + index);
    const runs = [...recordingsOf(path)].filter(({ log }) =>
      log.count <= (size === "" ? QUICK_EVENTS : MAX_EVENTS)
    );
    let compared = 0;
    for (let turn = 0; turn < POSITIONS && runs.length > 0; turn++) {
      const recording = runs[draws.below(runs.length)]!;
      const { timeline: { known }, last } = recording;
      const position = turn === 0 ? last : positionAt(known, draws.below(ordinalOf(last) + 1));
      compared += comparePosition(recording, position);
    }
    assert(runs.length === 0 || compared >= 4 * POSITIONS, `${compared}`);
  });
}

Deno.test("the failure of a run stops once, both ways", () => {
  const text = `machine { }\nlet n = 1\nassert n == 1\nassert n == 2\nn = 3\n`;
  const { program } = loadForDebugging(new SourceFile("fails.dma", text), memoryFiles({}));
  const recording = recordRun(program!, runsOf(program!)[0]!);
  const breakpoints = new BreakpointSet();
  breakpoints.add({ cause: { kind: "failure" } });
  const found = [{ seq: 0, statement: 3 }];
  assertEquals(stopsOf(recording, breakpoints, "forward"), found);
  assertEquals(stopsOf(recording, breakpoints, "back"), found);
});

const COUNTING = `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }
fn twice(n) {
  let doubled = n * 2
  return doubled
}
let buf = alloc_pages(2)
let maps = []
let n = 0
for page in buf.pages {
  maps.push(dma_map_phys(ssd, page, 4KiB, to_device))
  n += 1
}
n = twice(n)
for map in maps { dma_unmap_phys(ssd, map, 4KiB, to_device) }
`;

Deno.test("a change of an expression stops both ways, wherever it can be asked", () => {
  const { program } = loadForDebugging(new SourceFile("changes.dma", COUNTING), memoryFiles({}));
  const recording = recordRun(program!, runsOf(program!)[0]!);
  assertEquals(recording.failure, null);
  const both = (spec: Omit<Breakpoint, "cause">, ...expressions: readonly string[]) => {
    const breakpoints = new BreakpointSet();
    for (const expression of expressions) {
      breakpoints.add({ ...spec, cause: { kind: "change", expression } });
    }
    const ahead = stopsOf(recording, breakpoints, "forward");
    assertEquals(stopsOf(recording, breakpoints, "back").toReversed(), ahead);
    return ahead;
  };
  const values = (at: readonly Position[], text: string) =>
    at.map((each) => evaluate(recording, each, text).text);
  assertEquals(values(both({}, "n"), "n"), ["1", "2", "4"]);
  const live = both({}, "iommu.live_mappings");
  assertEquals(values(live, "iommu.live_mappings"), ["1", "2", "1", "0"]);
  assertEquals(both({}, "n", "iommu.live_mappings").length, 7);
  assertEquals(values(both({ hits: 3 }, "n"), "n"), ["4"]);
  assertEquals(values(both({ condition: "n > 1" }, "n"), "n"), ["2", "4"]);
  assertEquals(both({}, "buf.size"), []);
  // This value is visible only inside one function. Between two calls it is invisible, which does
  // not count as a change.
  assertEquals(both({}, "doubled"), []);
});

Deno.test("breakpoints of every kind have stopped", () => {
  for (const kind of Object.keys(DRAWS)) assert((times.get(kind) ?? 0) > 0, `${kind} never`);
});

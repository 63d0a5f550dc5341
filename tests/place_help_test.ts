import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { PlaceTrials } from "@dmalab/lang/program";
import { type PlacesRequest, type Program, type RunNames, runProgramWith } from "@dmalab/lang/run";
import { LoadError } from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { SharedPlaces } from "@dmalab/cli/extend";
import { sweepScenario } from "./job_suites.ts";

const WATCH = { nowMs: () => performance.now(), interrupted: () => false };

function programOf(text: string): Program {
  const { program } = loadProgram(new SourceFile("loop.dma", text), {
    load: (path) => new LoadError("not_found", `There is no "${path}"`),
  });
  assert(program !== null);
  return program;
}

/** Help by this thread, which tries places from the end before the run comes to the first. */
function helpAhead(program: Program, most: number, onTaken: () => void, steps = Infinity) {
  return (names: RunNames, request: PlacesRequest) => {
    const places = new SharedPlaces(request);
    const options = { watch: WATCH, hostBytes: DEFAULT_LIMITS.memoryBytes };
    const trials = new PlaceTrials(program, names, request, options);
    let tried = 0;
    const other = new SharedPlaces(request, places.shared);
    other.tryFromEnd((index) => {
      if (++tried === most) other.stop();
      return trials.try(index);
    });
    return {
      take(index: number, mostSteps: number) {
        if (places.claim(index)) return null;
        const figures = places.wait(index, () => {});
        if (figures === null || figures.steps > Math.min(steps, mostSteps)) return null;
        onTaken();
        return figures;
      },
      stop: () => places.stop(),
    };
  };
}

const CALLS = 6;
const some = fc.uniqueArray(fc.nat(CALLS - 1), { maxLength: 3 });

Deno.test("the report of a sweep does not depend on the places that other threads try", () => {
  let taken = 0;
  fc.assert(
    fc.property(
      some,
      some,
      some,
      fc.integer({ min: 1, max: 40 }),
      (leaks, reports, asserts, most) => {
        const program = programOf(sweepScenario({ calls: CALLS, leaks, reports, asserts }));
        const helpPlaces = helpAhead(program, most, () => taken++);
        assertEquals(runProgramWith(null, program, { helpPlaces }), runProgramWith(null, program));
      },
    ),
    { numRuns: 40, seed: 1 },
  );
  assert(taken > 100, `${taken} places were tried elsewhere`);
});

Deno.test("a limit of steps is reached at the same place, whoever tries the places before it", () => {
  const program = programOf(sweepScenario({ calls: CALLS, leaks: [], reports: [], asserts: [] }));
  const ends = new Set<string>();
  for (const steps of [200_000, 400_000, 600_000, 800_000, 2_000_000]) {
    const limits = { ...DEFAULT_LIMITS, steps };
    const helpPlaces = helpAhead(program, 100, () => {});
    const alone = runProgramWith(null, program, { limits });
    assertEquals(runProgramWith(null, program, { limits, helpPlaces }), alone);
    ends.add(alone.outcomes[0]!.failure?.code ?? "none");
  }
  assertEquals(ends, new Set(["E0801", "none"]));
});

const REQUEST: PlacesRequest = {
  word: "inject each",
  choicePoint: 1,
  resolved: [],
  places: [1, 2, 3].map((nth) => ({ point: "alloc_pages", nth })),
  usual: [],
  steps: 2 ** 40,
  memoryBytes: 0,
  expectations: 70,
};

Deno.test("figures of a place arrive as they were put", () => {
  const own = new SharedPlaces(REQUEST);
  const other = new SharedPlaces(REQUEST, own.shared);
  const reached = [0, 31, 32, 69];
  other.tryFromEnd((index) =>
    index === 2 ? { steps: 2 ** 33 + 2 ** 31 + 5, assertions: 3, reached } : null
  );
  const { assertions, reached: bits, steps } = own.wait(2, () => {})!;
  assertEquals([steps, assertions, [...bits]], [2 ** 33 + 2 ** 31 + 5, 3, reached]);
  assertEquals([own.claim(1), own.wait(1, () => {})], [false, null]);
});

Deno.test("a thread that throws, and one that dies, leave their places to the test", () => {
  const own = new SharedPlaces(REQUEST);
  const other = new SharedPlaces(REQUEST, own.shared);
  other.tryFromEnd((index) => {
    if (index === 0) other.stop();
    throw new Error("broken");
  });
  assertEquals(own.wait(2, () => {}), null);
  const dead = new SharedPlaces(REQUEST);
  dead.claim(0);
  let checks = 0;
  assertEquals(dead.wait(0, () => checks++), null);
  assert(checks > 1, "the limits of the run are not checked while it waits");
});

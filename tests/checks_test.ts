/** The table of random checks (`tests/checks/checks.ts`), with the budgets of the tests. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Choices, MAPPING_WORLDS } from "@dmalab/hunt";
import type { Lab } from "@dmalab/devices";
import { type Budget, type Check, runCase, Tally } from "./checks/check.ts";
import { CHECKS, SEED } from "./checks/checks.ts";
import { Disagreement, MappingWorld, PlainRanges } from "./checks/mappings.ts";
import { SOAK, soakCheck } from "./checks/soak.ts";
import { Watch } from "./recording/watched_machine.ts";

function runAll(check: Check, [cases, steps]: Budget): void {
  const tally = new Tally();
  for (let number = 0; number < cases; number++) runCase(check, SEED, number, steps, { tally });
  assert(check.enough?.(tally, cases) ?? true, `too small: ${tally.text}`);
}

for (const check of CHECKS) {
  const { about, budget: { long, short } } = check;
  if (short !== undefined) {
    Deno.test(`${about}: ${short[0]} cases`, () => runAll(check, short));
  }
  if (long !== undefined) {
    Deno.test(`${about}: ${long[0]} cases (long)`, () => runAll(check, long));
  }
}

/** The results of the steps of a case. */
function resultsOf(check: Check, number: number, steps: number, watch?: Watch): string[] {
  const results: string[] = [];
  const observed = watch === undefined ? {} : { onLab: (lab: Lab) => watch.attach(lab) };
  check.run(SEED, number, steps, {
    tally: new Tally(),
    onResult: (text) => results.push(text),
    ...observed,
  });
  return results;
}

Deno.test("a case comes to the same twice, is recorded truly, and another case comes to something else", () => {
  const watch = new Watch();
  const one = resultsOf(SOAK, 0, 200, watch);
  for (const watched of watch.watched) watch.end(watched);
  assert(watch.looks > 100, `${watch.looks} looks`);
  assertEquals(resultsOf(SOAK, 0, 200), one);
  assert(resultsOf(SOAK, 1, 200).join() !== one.join());
});

Deno.test("a case that fails says with how few steps, and the line that repeats it", () => {
  const soak = soakCheck(["half_linked_on_error"]);
  const error = assertThrows(() => runAll(soak, [40, 120]), Error);
  const [, machine, steps] = /"machine":(.*),"steps":(.*)\}\n/.exec(error.message)!;
  assert(machine !== undefined && JSON.parse(steps!).length <= 2, steps);
  const [, number] = /repeat it: deno task script soak soak --seed 1 --case (\d+) --steps 120$/
    .exec(error.message)!;
  assertThrows(() => runCase(soak, SEED, Number(number), 120, { tally: new Tally() }), Error);
});

Deno.test("the model finds what overlaps, and what a flush sets free", () => {
  const model = new PlainRanges([{ start: 50, end: 60 }]);
  const range = (start: number, end: number) => ({ start, end, leaves: [] });
  const first = range(10, 20);
  assertEquals(model.take(first), null);
  assertEquals(model.take(range(19, 21)), "[19, 21) overlaps [10, 20)");
  assertEquals(model.take(range(45, 51)), "[45, 51) overlaps [50, 60)");
  model.park(first, 3);
  model.flushed(3);
  assertEquals(model.take(range(12, 13)), "[12, 13) overlaps [10, 20)");
  model.flushed(4);
  assertEquals(model.take(range(12, 13)), null);
});

Deno.test("a machine that breaks its promise is found", () => {
  const spec = Choices.of(SEED, 0).draw(MAPPING_WORLDS);
  const tried = new MappingWorld({
    ...spec,
    mode: "strict",
    cpus: 1,
    hotPercent: 100,
    hotGranules: [1],
  });
  for (let count = 0; count < 10; count++) tried.run({ use: "map", a: count, b: 0, c: 2 });
  // A range in use is freed, so that the next map gets it a second time.
  const { start, end } = tried.model.live[3]!;
  tried.domain.freeIova(start, end - start);
  assertThrows(() => tried.run({ use: "map", a: 99, b: 0, c: 2 }), Disagreement);
});

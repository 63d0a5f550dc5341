import { assertEquals } from "@std/assert";
import type { HuntState, TurnEnd } from "../requests/hunt.ts";
import { NOTHING_FOUND } from "../requests/hunt.ts";
import { Random } from "@dmalab/runtime";
import { BatchPlan } from "./batch_plan.ts";

const CASES = 500;

/** A turn whose result depends on its number and on earlier findings, as in a hunt. */
function turnOf(number: number, state: HuntState, cases: number): TurnEnd {
  const random = new Random(1000 * number + state.known.length);
  const finds = random.below(4) === 0;
  const tried = Math.min(cases, 1 + random.below(20));
  const known = finds ? [...state.known, `defect ${number}`] : state.known;
  const finding = finds ? { cases: tried, number } as unknown as TurnEnd["finding"] : null;
  return { cases: tried, machines: 1, finding, state: { named: [], known } };
}

/** Runs the turns one after the other. */
function inOrder(): {
  readonly cases: number;
  readonly machines: number;
  readonly found: number[];
} {
  let state = NOTHING_FOUND;
  const found: number[] = [];
  let [cases, number] = [0, 0];
  for (; cases < CASES; number++) {
    const end = turnOf(number, state, CASES - cases);
    if (end.finding !== null) found.push(cases + end.finding.cases);
    cases += end.cases;
    state = end.state;
  }
  return { cases, machines: number, found };
}

Deno.test("turns that end in any order, with right and wrong guesses, give the result of one after the other", () => {
  for (let seed = 0; seed < 50; seed++) {
    const random = new Random(seed);
    const found: number[] = [];
    const plan = new BatchPlan({
      path: null,
      words: { kernel: null, quirks: null, cases: null, seconds: null, seed: null },
      cases: CASES,
      until: Infinity,
      mayGoOn: () => true,
      onFinding: ({ cases }) => void found.push(cases),
    });
    const running: NonNullable<ReturnType<typeof plan.next>>[] = [];
    while (!plan.isComplete()) {
      while (running.length < 4) running.push(plan.next()!);
      const at = random.below(running.length);
      const job = running[at]!;
      const end = turnOf(job.number, job.state, job.cases);
      if (end.finding !== null && random.below(2) === 0) {
        const guess = random.below(3) === 0 ? { named: [], known: ["wrong"] } : end.state;
        plan.receive(job, { kind: "guess", state: guess });
        continue;
      }
      running.splice(at, 1);
      plan.receive(job, { kind: "end", end });
    }
    const { cases, machines } = plan.result;
    assertEquals({ cases, machines, found }, inOrder());
  }
});

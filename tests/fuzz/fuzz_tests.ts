/** Parts of `deno task script fuzz`, as tests. */
import { assert, assertEquals } from "@std/assert";
import { SEED, TEXT_CHECKS } from "../checks/checks.ts";
import { CALLEE_KEYS } from "./calls/call_script.ts";
import { fuzz, fuzzCalls, repeatLine } from "./fuzz.ts";
import { tryLayouts } from "./laid_out.ts";
import { mostPoor, trySlips } from "./slips.ts";

export interface FuzzParts {
  /** The share of the builtins that must return a result in at least one call. */
  readonly answeredShare: number;
  /** One slip out of this many is tried. */
  readonly slipStep: number;
}

/** Registers a test for each part, with the budget of the table of checks. */
export function fuzzTests(size: "short" | "long", { answeredShare, slipStep }: FuzzParts): void {
  const { calls: { [size]: calls }, layouts: { [size]: layouts }, programs: { [size]: cases } } =
    TEXT_CHECKS;
  Deno.test(`${cases} ${TEXT_CHECKS.programs.about}`, async () => {
    // A single worker, because tests of other files run at the same time.
    const { verdicts, bugs } = await fuzz({ cases, seed: SEED, workers: 1 });
    for (const { number, problem, text } of bugs) {
      console.log(number, problem, JSON.stringify(text));
      console.log(repeatLine("programs", SEED, number));
    }
    assertEquals(verdicts.bug, 0);
    const answered = Object.values(verdicts).reduce((sum, count) => sum + count, 0);
    assertEquals(answered, cases);
    // If the generator made only nonsense, only the lexer would be tested.
    assert(verdicts.refused > cases / 2, `${verdicts.refused} refused`);
    assert(verdicts.held > cases / 50, `only ${verdicts.held} ran to their end`);
    assert(verdicts.failed > 0);
  });

  Deno.test(`${calls} ${TEXT_CHECKS.calls.about}`, async () => {
    const { problems, tally } = await fuzzCalls({ cases: calls, seed: SEED, workers: 1 });
    const told = problems.map(({ inputs, number, problem }) =>
      [problem, ...inputs, repeatLine("calls", SEED, number)].join("\n")
    );
    assertEquals(told, []);
    // The generator reads the registry, so that new entries are called at once.
    assertEquals(CALLEE_KEYS.filter((key) => !tally.called.has(key)), []);
    assert(tally.run > calls / 2, `the checker lets only ${tally.run} run`);
    const answered = [...tally.answered.values()].reduce((sum, count) => sum + count, 0);
    assert(answered > calls / 5, `only ${answered} calls can do what they are for`);
    assert(
      tally.answered.size > CALLEE_KEYS.length * answeredShare,
      `of only ${tally.answered.size} builtins`,
    );
  });

  Deno.test("a slip of a hand in an example costs at most three errors, the first at the place", () => {
    const { counts, poor } = trySlips(slipStep);
    assert(counts.variants > 100_000 / slipStep, `only ${counts.variants}`);
    assert(poor.length <= mostPoor(counts.variants), poor.join("\n"));
  });

  Deno.test(`${layouts} ${TEXT_CHECKS.layouts.about}`, () => {
    const { changed, sound, wrong } = tryLayouts(layouts);
    assertEquals(wrong, []);
    assert(sound > layouts * 0.9, `only ${sound} are sound`);
    assert(changed > layouts / 2, "the layouts are meant to be messy");
  });
}

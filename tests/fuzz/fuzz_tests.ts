/** Parts of `deno task script fuzz`, as tests. */
import { assert, assertEquals } from "@std/assert";
import { CALLEE_KEYS } from "./calls/call_script.ts";
import { fuzz, fuzzCalls } from "./fuzz.ts";
import { tryLayouts } from "./laid_out.ts";
import { mostPoor, trySlips } from "./slips.ts";

/** The number of tries in each part. */
export interface FuzzParts {
  readonly cases: number;
  readonly calls: number;
  /** The share of the builtins that must return a result in at least one call. */
  readonly answeredShare: number;
  /** One slip out of this many is tried. */
  readonly slipStep: number;
  readonly layouts: number;
}

/** Registers a test for each part. */
export function fuzzTests({ answeredShare, calls, cases, layouts, slipStep }: FuzzParts): void {
  Deno.test(`${cases} broken programs are answered in time: no crash, no stack trace, no hang`, async () => {
    // A single worker, because tests of other files run at the same time.
    const { verdicts, bugs } = await fuzz({ cases, seed: 1, workers: 1 });
    for (const { number, problem, text } of bugs) {
      console.log(number, problem, JSON.stringify(text));
    }
    assertEquals(verdicts.bug, 0);
    const answered = Object.values(verdicts).reduce((sum, count) => sum + count, 0);
    assertEquals(answered, cases);
    // If the generator made only nonsense, only the lexer would be tested.
    assert(verdicts.refused > cases / 2, `${verdicts.refused} refused`);
    assert(verdicts.held > cases / 50, `only ${verdicts.held} ran to their end`);
    assert(verdicts.failed > 0);
  });

  Deno.test(`${calls} calls of every builtin are answered: no bug, no nonsense in any text`, async () => {
    const { problems, tally } = await fuzzCalls({ cases: calls, seed: 1, workers: 1 });
    assertEquals(problems.map(({ inputs, problem }) => [problem, ...inputs].join("\n")), []);
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

  Deno.test(`${layouts} programs laid out by lot parse, and formatting twice changes nothing`, () => {
    const { changed, sound, wrong } = tryLayouts(layouts);
    assertEquals(wrong, []);
    assert(sound > layouts * 0.9, `only ${sound} are sound`);
    assert(changed > layouts / 2, "the layouts are meant to be messy");
  });
}

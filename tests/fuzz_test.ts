/** A part of `deno task fuzz`, small enough for every run of the tests. */
import { assert, assertEquals } from "@std/assert";
import { fuzz } from "./fuzz/fuzz.ts";
import { tryGenerated } from "./fuzz/generated.ts";
import { generateProgram } from "./fuzz/program_generator.ts";
import { trySlips } from "./fuzz/slips.ts";

const CASES = 3_000;
/** Every so many slips one is tried. */
const SLIP_STEP = 197;
const GENERATED = 200;

Deno.test(`${CASES} mutated programs are answered: no crash, no stack trace, no hang`, async () => {
  // One worker: other files' tests run beside this one.
  const { verdicts, bugs } = await fuzz({ cases: CASES, seed: 1, workers: 1 });
  for (const { number, problem, text } of bugs) console.log(number, problem, JSON.stringify(text));
  assertEquals(verdicts.bug, 0);
  const answered = Object.values(verdicts).reduce((sum, count) => sum + count, 0);
  assertEquals(answered, CASES);
  // A generator that makes nothing but rubbish would test the lexer only.
  assert(verdicts.refused > CASES / 2, `${verdicts.refused} refused`);
  assert(verdicts.held > CASES / 50, `only ${verdicts.held} ran to their end`);
  assert(verdicts.failed > 0);
});

Deno.test("a slip of a hand in an example costs at most three errors, the first at the place", () => {
  const { counts, poor } = trySlips(SLIP_STEP);
  assert(counts.variants > 500, `only ${counts.variants}`);
  assertEquals(poor, []);
});

Deno.test(`${GENERATED} generated programs parse, most are sound, and formatting twice changes nothing`, () => {
  const { changed, sound, wrong } = tryGenerated(GENERATED);
  assertEquals(wrong, []);
  assert(sound > GENERATED * 0.9, `only ${sound} are sound`);
  assert(changed > GENERATED / 2, "the generator is meant to be messy");
  assertEquals(generateProgram(7), generateProgram(7));
});

/** A part of `deno task fuzz`, small enough for every run of the tests. */
import { assert, assertEquals } from "@std/assert";
import { readArguments } from "./fuzz/calls/argument_corpus.ts";
import { emptyTally, fewest, playCalls } from "./fuzz/calls/call_run.ts";
import { CALLEE_KEYS } from "./fuzz/calls/call_script.ts";
import { fuzzCalls } from "./fuzz/calls/fuzz_calls.ts";
import { fuzz } from "./fuzz/fuzz.ts";
import { tryGenerated } from "./fuzz/generated.ts";
import { generateProgram } from "./fuzz/program_generator.ts";
import { POOR_SHARE, trySlips } from "./fuzz/slips.ts";

const CASES = 3_000;
const CALLS = 8_000;
/** Every so many slips one is tried. */
const SLIP_STEP = 197;
const GENERATED = 200;

Deno.test(`${CASES} broken programs are answered in time: no crash, no stack trace, no hang`, async () => {
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

Deno.test(`${CALLS} calls of every builtin are answered: no bug, no nonsense in any text`, async () => {
  const { problems, tally } = await fuzzCalls({ calls: CALLS, seed: 1, workers: 1 });
  assertEquals(problems.map(({ inputs, problem }) => [problem, ...inputs].join("\n")), []);
  // The generator reads the registry: what is new there is tried at once.
  assertEquals(CALLEE_KEYS.filter((key) => !tally.called.has(key)), []);
  assert(tally.run > CALLS / 2, `the checker lets only ${tally.run} run`);
  const answered = [...tally.answered.values()].reduce((sum, count) => sum + count, 0);
  assert(answered > CALLS / 5, `only ${answered} calls can do what they are for`);
  assert(tally.answered.size > CALLEE_KEYS.length * 0.8, `of only ${tally.answered.size} builtins`);
});

Deno.test("a session of calls is the same every time, and its problem has the fewest inputs", () => {
  const corpus = readArguments();
  const [one, other] = [emptyTally(), emptyTally()];
  for (const tally of [one, other]) assertEquals(playCalls(7, 3, corpus, tally), null);
  assertEquals(one, other);
  const isLarge = (inputs: readonly string[]) => inputs.includes("a") && inputs.includes("c");
  assertEquals(fewest(["x", "a", "b", "y", "c", "z"], isLarge), ["a", "c"]);
});

Deno.test("a slip of a hand in an example costs at most three errors, the first at the place", () => {
  const { counts, poor } = trySlips(SLIP_STEP);
  assert(counts.variants > 500, `only ${counts.variants}`);
  assert(poor.length <= counts.variants * POOR_SHARE, poor.join("\n"));
});

Deno.test(`${GENERATED} generated programs parse, most are sound, and formatting twice changes nothing`, () => {
  const { changed, sound, wrong } = tryGenerated(GENERATED);
  assertEquals(wrong, []);
  assert(sound > GENERATED * 0.9, `only ${sound} are sound`);
  assert(changed > GENERATED / 2, "the generator is meant to be messy");
  assertEquals(generateProgram(7), generateProgram(7));
  const texts = Array.from({ length: GENERATED }, (_, seed) => generateProgram(seed));
  for (
    const form of [
      /test "row .*\bfor /,
      /\bsequence\(/,
      /\bwith\s+\{\s*head/,
      /\.push\(/,
      /\.remove\(/,
    ]
  ) {
    const count = texts.filter((text) => form.test(text)).length;
    assert(count >= GENERATED / 50, `${form} is in ${count} of ${GENERATED} programs`);
  }
});

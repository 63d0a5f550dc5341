/** A part of `deno task fuzz`, small enough for every run of the tests. */
import { assert, assertEquals } from "@std/assert";
import { formatSource } from "../lang/format/format.ts";
import { LoadError } from "../lang/syntax/load_files.ts";
import { loadProgram } from "../lang/language.ts";
import { SourceFile } from "../lang/source.ts";
import { fuzz } from "./fuzz/fuzz.ts";
import { generateProgram } from "./fuzz/program_generator.ts";
import { trySlips } from "./fuzz/slips.ts";

const CASES = 6_000;
/** Every so many slips one is tried. */
const SLIP_STEP = 97;

Deno.test(`${CASES} mutated programs are answered: no crash, no stack trace, no hang`, async () => {
  const workers = Math.max(1, navigator.hardwareConcurrency);
  const { verdicts, bugs } = await fuzz({ cases: CASES, seed: 1, workers });
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
  console.log(counts);
  assert(counts.variants > 1_000, `only ${counts.variants}`);
  assertEquals(poor, []);
});

Deno.test("the generator's programs are right: they parse, and most of them are sound", () => {
  let sound = 0;
  const count = 300;
  for (let seed = 0; seed < count; seed++) {
    const source = new SourceFile(`seed ${seed}`, generateProgram(seed));
    assert(formatSource(source).ok, `seed ${seed}`);
    const load = (path: string) => new LoadError("not_found", path);
    if (loadProgram(source, { load }).program !== null) sound++;
  }
  assert(sound > count * 0.9, `only ${sound} of ${count}`);
  assertEquals(generateProgram(7), generateProgram(7));
});

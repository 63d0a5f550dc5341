/** `dmalab fmt` on the project's own scenarios, and on ten thousand drawn by lot. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { formatSource } from "../lang/format/format.ts";
import { SourceFile } from "../lang/source.ts";
import { generateProgram } from "./fuzz/program_generator.ts";
import { scenariosBelow } from "./examples.ts";
import { ROOT } from "./source_text.ts";

/** Programs of the generator; each is read, laid out, compared, and laid out again. */
const GENERATED = 10_000;

for (const path of ["examples", "benches", "tests/suites"].flatMap(scenariosBelow)) {
  Deno.test(`${path} is formatted`, () => {
    const text = Deno.readTextFileSync(join(ROOT, path));
    const formatted = formatSource(new SourceFile(path, text));
    assert(formatted.ok, "it has errors");
    assertEquals(text, formatted.text, `run: deno task dmalab fmt ${path}`);
  });
}

// That the tree and the comments stay the same, formatSource() checks itself, whatever the text:
// it throws otherwise.
Deno.test(`${GENERATED} programs keep tree and comments, and formatting twice changes nothing`, () => {
  let changed = 0;
  for (let seed = 0; seed < GENERATED; seed++) {
    // Every twentieth is a long one with all kinds of declarations.
    const text = generateProgram(seed, { small: seed % 20 !== 0 });
    const once = formatSource(new SourceFile(`seed ${seed}`, text));
    assert(once.ok, `seed ${seed} is not valid`);
    if (once.text !== text) changed++;
    const twice = formatSource(new SourceFile(`seed ${seed}, formatted`, once.text));
    assert(twice.ok);
    assertEquals(twice.text, once.text, `seed ${seed}`);
  }
  assert(changed > GENERATED / 2, "the generator is meant to be messy");
});

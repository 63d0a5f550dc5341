import { assert, assertEquals } from "@std/assert";
import { run } from "../testing/test_support.ts";
import { STATEMENT_SPECS } from "./statement_specs.ts";

Deno.test("every statement has a form, a sentence and an example", () => {
  const words = STATEMENT_SPECS.map(({ word }) => word);
  assertEquals(new Set(words).size, words.length);
  for (const { doc, example, form, word } of STATEMENT_SPECS) {
    assert(form.includes(word), word);
    assert(/^[A-Z].*\.$/s.test(doc), word);
    assert(example.includes(word), word);
  }
});

Deno.test("the example of every statement runs, and nothing in it fails", async (t) => {
  for (const { example, word } of STATEMENT_SPECS) {
    await t.step(word, () => {
      const { report } = run(example);
      for (const { failure } of report.outcomes) assertEquals(failure?.lines ?? [], []);
      assertEquals(report.unreached, []);
    });
  }
});

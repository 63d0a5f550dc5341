import { assert, assertEquals } from "@std/assert";
import { type IProduction, NonTerminal } from "chevrotain";
import { run } from "../testing/test_support.ts";
import { LANGUAGE_WORDS, type LanguageWord } from "./language_words.ts";
import { DmaParser } from "./rules/dma_parser.ts";

const WORDS = Object.keys(LANGUAGE_WORDS) as LanguageWord[];
const SHOWN = WORDS.filter((word) => LANGUAGE_WORDS[word].example !== undefined);

/** A production of the grammar, and all productions inside it. */
function* productions(of: IProduction): Generator<IProduction> {
  yield of;
  if (of instanceof NonTerminal) return;
  const { definition = [] } = of as IProduction & { readonly definition?: readonly IProduction[] };
  for (const inner of definition) yield* productions(inner);
}

const RULES = new DmaParser().getGAstProductions();
const USED = Object.values(RULES).flatMap((rule) => [...productions(rule)]);

Deno.test("every word has a sentence, and each that begins a statement a form and an example", () => {
  for (const word of WORDS) {
    const { doc, example, form, place } = LANGUAGE_WORDS[word];
    assert(/^[A-Z`].*\.$/s.test(doc), word);
    assertEquals(form === undefined, example === undefined, word);
    if (place === "statement" || place === "block value") assert(example !== undefined, word);
    assert(form?.includes(word) ?? true, word);
    assert(example?.includes(word) ?? true, word);
  }
});

Deno.test("the example of every word runs, and nothing in it fails", async (t) => {
  for (const word of SHOWN) {
    await t.step(word, () => {
      const { report } = run(LANGUAGE_WORDS[word].example!);
      for (const { failure } of report.outcomes) assertEquals(failure?.lines ?? [], []);
      assertEquals(report.unreached, []);
    });
  }
});

Deno.test("every rule of the grammar is reached from a file", () => {
  const called = new Set(["file", "insertion"]);
  for (const production of USED) {
    if (production instanceof NonTerminal) called.add(production.nonTerminalName);
  }
  assertEquals(Object.keys(RULES).filter((rule) => !called.has(rule)), []);
});

import { assert, assertEquals } from "@std/assert";
import type { IToken } from "chevrotain";
import { SourceFile } from "../source.ts";
import { PLAN } from "./grammar_plan.ts";
import { balanceBrackets } from "./recovery/brackets.ts";
import { checkTokens } from "./lexical.ts";
import { joinLines } from "./line_joining.ts";
import { DmaParser } from "./parser.ts";
import { PlanReader } from "./plan_reader.ts";
import { planOfGrammar } from "./plan_writer.ts";
import { DiagnosticReporter } from "./report.ts";
import { SAMPLES } from "./testing_samples.ts";
import { numberTokens, tokenize } from "./tokens.ts";
import { classifyWords } from "./words.ts";

function tokensOf(source: SourceFile): IToken[] {
  const found = new DiagnosticReporter(source);
  const balanced = balanceBrackets(checkTokens(tokenize(source.text), found), found, "file");
  return classifyWords(joinLines(balanced, found), found);
}

/** The tree that Chevrotain's parser makes of some tokens; null when there is an error in them. */
function treeOf(parser: DmaParser, tokens: IToken[]): unknown {
  numberTokens(tokens);
  parser.input = tokens;
  const tree = parser.file();
  return parser.errors.length === 0 ? tree : null;
}

Deno.test("only a string is the message of an assert", () => {
  const reader = new PlanReader(PLAN);
  const reads = (text: string) =>
    reader.read("file", tokensOf(new SourceFile("assert.dma", text))) !== null;
  assert(reads('match 1 { 1 => assert true, "why", "a" => assert [1, "b"] == 2, 2 => { } }'));
  assert(!reads("assert true, 2"));
  assert(!reads('assert true, "why", "so"'));
});

Deno.test("grammar_plan.ts is the plan of the grammar: `deno task reference` writes it", () => {
  assertEquals(PLAN, planOfGrammar());
});

Deno.test("the plan reads what Chevrotain's parser reads, into the same trees, and nothing else", () => {
  const reader = new PlanReader(PLAN);
  const learnt = new DmaParser({ recover: false });
  let right = 0;
  let wrong = 0;
  for (const sample of SAMPLES) {
    const tokens = tokensOf(sample);
    assertEquals(reader.read("file", tokens), treeOf(learnt, tokens), sample.name);
    // Cut off anywhere, most are wrong; the end of a statement is where some are right.
    for (let end = 0; end < tokens.length; end += 3) {
      const some = tokens.slice(0, end);
      const expected = treeOf(learnt, some);
      assertEquals(
        reader.read("file", some) === null,
        expected === null,
        `${sample.name}, ${end} tokens`,
      );
      if (expected === null) wrong++;
      else right++;
    }
  }
  assert(right > 10 && wrong > 300, `${right} right, ${wrong} wrong`);
});

import { assert, assertEquals } from "@std/assert";
import type { IToken } from "chevrotain";
import { SourceFile } from "../source.ts";
import { balanceBrackets } from "./recovery/brackets.ts";
import { checkTokens } from "./lexical.ts";
import { joinLines } from "./line_joining.ts";
import { DmaParser } from "./parser.ts";
import { decisionsOfGrammar, ReadyParser } from "./ready_parser.ts";
import { Reporter } from "./report.ts";
import { SAMPLES } from "./testing_samples.ts";
import { tokenize } from "./tokens.ts";
import { classifyWords } from "./words.ts";

function tokensOf(source: SourceFile): IToken[] {
  const found = new Reporter(source);
  const balanced = balanceBrackets(checkTokens(tokenize(source.text), found), found, "file");
  return classifyWords(joinLines(balanced, found), found);
}

/** The tree of some tokens; null when there is an error in them. */
function treeOf(parser: DmaParser, tokens: IToken[]): unknown {
  parser.input = tokens;
  const tree = parser.file();
  return parser.errors.length === 0 ? tree : null;
}

const DECISIONS = decisionsOfGrammar();

Deno.test("decisions are the same when they are written down and read again", () => {
  const count = DECISIONS.reduce((sum, ofRule) => sum + Object.keys(ofRule).length, 0);
  assert(count > 80, `${count} decisions`);
  // As the package has them: as JSON.
  const again = JSON.parse(JSON.stringify(DECISIONS));
  assertEquals(new ReadyParser(again).decisions(), DECISIONS);
});

Deno.test("the parser with its decisions made reads what the one that learns reads, and nothing else", () => {
  const ready = new ReadyParser(DECISIONS);
  const learnt = new DmaParser({ recover: false });
  let right = 0;
  let wrong = 0;
  for (const sample of SAMPLES) {
    const tokens = tokensOf(sample);
    assertEquals(treeOf(ready, tokens), treeOf(learnt, tokens), sample.name);
    // Cut off anywhere, most are wrong; the end of a statement is where some are right.
    for (let end = 0; end < tokens.length; end += 3) {
      const some = tokens.slice(0, end);
      const expected = treeOf(learnt, some);
      assertEquals(
        treeOf(ready, some) === null,
        expected === null,
        `${sample.name}, ${end} tokens`,
      );
      if (expected === null) wrong++;
      else right++;
    }
  }
  assert(right > 10 && wrong > 300, `${right} right, ${wrong} wrong`);
});

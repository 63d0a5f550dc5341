import { assert, assertEquals } from "@std/assert";
import { type ILookaheadStrategy, LLkLookaheadStrategy, type TokenType } from "chevrotain";
import { OneTokenLookahead } from "./one_token_lookahead.ts";
import { DmaParser } from "./parser.ts";
import { VOCABULARY } from "./tokens.ts";

/** Where a decision stands, and what it needs to be built. */
type Decision =
  | ["choice", Parameters<ILookaheadStrategy["buildLookaheadForAlternation"]>[0]]
  | ["entry", Parameters<ILookaheadStrategy["buildLookaheadForOptional"]>[0]];

/** Notes every decision that a parser asks for while it is made. */
class Noting extends OneTokenLookahead {
  readonly decisions: Decision[] = [];

  override buildLookaheadForAlternation(
    options: Parameters<ILookaheadStrategy["buildLookaheadForAlternation"]>[0],
  ) {
    this.decisions.push(["choice", options]);
    return super.buildLookaheadForAlternation(options);
  }

  override buildLookaheadForOptional(
    options: Parameters<ILookaheadStrategy["buildLookaheadForOptional"]>[0],
  ) {
    this.decisions.push(["entry", options]);
    return super.buildLookaheadForOptional(options);
  }
}

/** What a strategy decides before each token of the language, in the order of the vocabulary. */
function answers(strategy: ILookaheadStrategy, [kind, options]: Decision): unknown[] {
  const decide: (this: unknown) => unknown = kind === "choice"
    ? strategy.buildLookaheadForAlternation(options)
    : strategy.buildLookaheadForOptional(options);
  return VOCABULARY.map((tokenType: TokenType) => {
    const token = { tokenTypeIdx: tokenType.tokenTypeIdx, tokenType, image: "" };
    return decide.call({ LA: () => token, LA_FAST: () => token });
  });
}

Deno.test("every decision of the grammar is Chevrotain's own, before every token", () => {
  const noting = new Noting();
  new DmaParser({ lookahead: noting });
  const own = new OneTokenLookahead();
  const theirs = new LLkLookaheadStrategy({ maxLookahead: 1 });
  assert(noting.decisions.length > 80, `${noting.decisions.length} decisions`);
  for (const decision of noting.decisions) {
    const { rule, prodOccurrence } = decision[1];
    assertEquals(
      answers(own, decision),
      answers(theirs, decision),
      `${decision[0]} ${prodOccurrence} of ${rule.name}`,
    );
  }
});

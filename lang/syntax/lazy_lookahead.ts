/**
 * Decisions of the grammar worked out when they are first needed.
 *
 * Chevrotain works out every decision of a grammar when the parser is made. A small script comes to
 * a few of them, and would wait for all: half of the parser's start.
 */
import { type ILookaheadStrategy, LLkLookaheadStrategy } from "chevrotain";

type Alternation = ILookaheadStrategy["buildLookaheadForAlternation"];
type Optional = ILookaheadStrategy["buildLookaheadForOptional"];
type Choose = ReturnType<Alternation>;
type Enter = ReturnType<Optional>;

/** The usual strategy, put off. What it decides is the same. */
export class LazyLookahead extends LLkLookaheadStrategy {
  override buildLookaheadForAlternation(options: Parameters<Alternation>[0]): Choose {
    const build = () => super.buildLookaheadForAlternation(options);
    let choose: Choose | null = null;
    // The parser is `this`: decisions look at its next tokens.
    return function (this: unknown, alternatives): number | undefined {
      choose ??= build();
      return choose.call(this, alternatives);
    };
  }

  override buildLookaheadForOptional(options: Parameters<Optional>[0]): Enter {
    const build = () => super.buildLookaheadForOptional(options);
    let enter: Enter | null = null;
    return function (this: unknown): boolean {
      enter ??= build();
      return enter.call(this);
    };
  }
}

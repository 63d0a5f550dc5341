/**
 * How the parser finds its way back after an error.
 *
 * Chevrotain's own recovery knows no brackets: it makes up a `)` where one is missing, and a rule
 * that is given up in the middle of a block may go on inside it and take its `}` for its own. The
 * tokens that arrive here are balanced (`brackets.ts`), so the recovery can lean on that: no
 * bracket is ever made up or left out, and a rule goes on only at a token that is as deep in
 * brackets as its first one.
 */
import { type CstNode, CstParser, EOF, type IToken, type TokenType } from "chevrotain";
import { indexAt } from "./messages.ts";
import * as t from "../tokens.ts";

const { OPENERS, CLOSERS } = t;
const BRACKETS: ReadonlySet<TokenType> = new Set([...OPENERS, ...CLOSERS]);

/** What the recovery of Chevrotain keeps and its types leave out; the version is pinned. */
interface RecoveryState {
  /** The nodes of the rules under way, outermost first. */
  readonly CST_STACK: readonly CstNode[];
  readonly RULE_STACK_IDX: number;
  /** The number of the token consumed last. */
  exportLexerState(): number;
  /** One key for each rule under way, outermost first: what may follow it where it was called. */
  buildFullFollowKeyStack(): readonly unknown[];
  getFollowSetFromFollowKey(key: unknown): readonly TokenType[];
}

/** The methods of Chevrotain's parser, with those that its types leave out. */
const METHODS = CstParser.prototype as unknown as
  & { enableRecording(this: CstParser): void }
  & Readonly<Record<string, unknown>>;

/** Where the parser goes on after an error: at which token, in which of the rules under way. */
interface ResyncPoint {
  readonly index: number;
  readonly level: number;
  readonly type: TokenType;
}

/** A parser whose recovery respects brackets. */
export abstract class RecoveringParser extends CstParser {
  /** The methods that Chevrotain covers while it learns the grammar. */
  #covered: readonly string[] = [];

  /** Called by Chevrotain: it covers methods with others that note down what a rule is made of. */
  enableRecording(): void {
    const before = new Set(Object.keys(this));
    METHODS.enableRecording.call(this);
    this.#covered = Object.keys(this).filter((name) => !before.has(name));
  }

  /**
   * Called by Chevrotain when it has learnt the grammar. It would delete the covers one by one, and
   * an object with that many deleted properties is slow for good: putting the methods themselves
   * in their places makes a start some 7 ms shorter.
   */
  disableRecording(): void {
    const own = this as unknown as Record<string, unknown>;
    for (const name of this.#covered) own[name] = METHODS[name];
    own["RECORDING_PHASE"] = false;
  }

  /** Brackets are balanced and names carry meaning: neither is ever made up. */
  protected override canTokenTypeBeInsertedInRecovery(type: TokenType): boolean {
    // Before a brace it is unclear what is missing: the value may be.
    return (type === t.Assign || type === t.Colon || type === t.Hard.in) &&
      this.LA(1).tokenType !== t.LBrace;
  }

  /** Leaving one token out must neither tear a pair of brackets apart nor move a name. */
  protected override canTokenTypeBeDeletedInRecovery(type: TokenType): boolean {
    const next = this.LA(1);
    return type !== t.Name && !BRACKETS.has(type) && !BRACKETS.has(next.tokenType) &&
      !t.isA(next, t.End);
  }

  /** Skips one token, or a whole bracket with all that is in it. */
  override SKIP_TOKEN(): IToken {
    let depth = 0;
    do {
      const type = this.LA(1).tokenType;
      if (OPENERS.has(type)) depth++;
      else if (CLOSERS.has(type)) depth--;
      super.SKIP_TOKEN();
    } while (depth > 0 && this.LA(1).tokenType !== EOF);
    return this.LA(1);
  }

  #resync: ResyncPoint | null = null;
  #depths: { readonly input: readonly IToken[]; readonly values: Uint8Array } | null = null;

  /** Called by Chevrotain: the type of the token to go on from. */
  findReSyncTokenType(): TokenType {
    this.#resync = this.#findResync();
    return this.#resync.type;
  }

  /** Called by Chevrotain: is it the rule in which an error arrived that goes on? */
  isInCurrentRuleReSyncSet(_type: TokenType): boolean {
    return this.#resync?.level === this.#state.RULE_STACK_IDX;
  }

  /** Called by Chevrotain: skips to the point found; returns what was skipped. */
  reSyncTo(_type: TokenType): IToken[] {
    const skipped: IToken[] = [];
    const target = this.#resync?.index ?? 0;
    while (this.#state.exportLexerState() + 1 < target && this.LA(1).tokenType !== EOF) {
      skipped.push(this.LA(1));
      super.SKIP_TOKEN();
    }
    return skipped;
  }

  get #state(): RecoveryState {
    return this as unknown as RecoveryState;
  }

  #findResync(): ResyncPoint {
    const state = this.#state;
    const follows = state.buildFullFollowKeyStack()
      .map((key) => state.getFollowSetFromFollowKey(key));
    const depths = this.#bracketDepths();
    const bases = this.#baseDepths(depths);
    const next = state.exportLexerState() + 1;
    for (let ahead = 1;; ahead++) {
      const token = this.LA(ahead);
      const index = next + ahead - 1;
      // The innermost rule that can go on loses least.
      for (let level = follows.length - 1; level >= 0; level--) {
        if (token.tokenType !== EOF && depths[index] !== bases[level]) continue;
        const type = follows[level]!.find((follow) => t.isA(token, follow));
        if (type !== undefined) return { index, level, type };
      }
    }
  }

  /** How many brackets are open before each token. */
  #bracketDepths(): Uint8Array {
    if (this.#depths?.input !== this.input) {
      const values = new Uint8Array(this.input.length);
      let depth = 0;
      for (const [index, { tokenType }] of this.input.entries()) {
        values[index] = depth;
        if (OPENERS.has(tokenType)) depth++;
        else if (CLOSERS.has(tokenType)) depth--;
      }
      this.#depths = { input: this.input, values };
    }
    return this.#depths.values;
  }

  /** How many brackets were open where each rule under way began. */
  #baseDepths(depths: Uint8Array): number[] {
    const { CST_STACK, exportLexerState } = this.#state;
    let start = exportLexerState.call(this) + 1;
    const bases: number[] = [];
    for (let level = CST_STACK.length - 1; level >= 0; level--) {
      const offset = CST_STACK[level]!.location?.startOffset ?? -1;
      // A rule that has consumed nothing yet begins where the rule inside it does.
      if (offset >= 0) start = Math.min(start, indexAt(this.input, offset));
      bases[level] = depths[start] ?? 0;
    }
    return bases;
  }
}

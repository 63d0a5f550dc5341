/**
 * How the parser finds its way back after an error.
 *
 * Chevrotain's own recovery knows no brackets: it makes up a `)` where one is missing, and a rule
 * that is given up in the middle of a block may go on inside it and take its `}` for its own. The
 * tokens that arrive here are balanced (`brackets.ts`), so the recovery can lean on that: no
 * bracket is ever made up or left out, and a rule goes on only at a token that is as deep in
 * brackets as its first one, and before its own bracket ends.
 *
 * Its work is bounded by the text: a search goes forward once, what it skips is behind it for good,
 * and with too many errors the rest of the text is left unread.
 */
import {
  type CstNode,
  CstParser,
  EOF,
  type IParserErrorMessageProvider,
  type IRecognitionException,
  type IToken,
  type ITokenGrammarPath,
  MismatchedTokenException,
  type TokenType,
} from "chevrotain";
import { indexAt } from "./messages.ts";
import * as t from "../tokens.ts";

const { OPENERS, CLOSERS } = t;
const BRACKETS: ReadonlySet<TokenType> = new Set([...OPENERS, ...CLOSERS]);

/** What the recovery of Chevrotain keeps and its types leave out; the version is pinned. */
interface RecoveryState {
  /** The nodes of the rules under way, outermost first. */
  readonly CST_STACK: CstNode[];
  setInitialNodeLocation(node: CstNode): void;
  readonly RULE_STACK_IDX: number;
  /** The number of the token consumed last. */
  exportLexerState(): number;
  /** One key for each rule under way, outermost first: what may follow it where it was called. */
  buildFullFollowKeyStack(): readonly unknown[];
  getFollowSetFromFollowKey(key: unknown): readonly TokenType[];
  importLexerState(lastConsumed: number): void;
  getCurrRuleFullName(): string;
  getCurrentGrammarPath(expected: TokenType, occurrence: number): ITokenGrammarPath;
  getNextPossibleTokenTypes(path: ITokenGrammarPath): TokenType[];
  readonly errorMessageProvider: IParserErrorMessageProvider;
  SAVE_ERROR(error: IRecognitionException): void;
}

/** With more errors in one piece of a text the rest of it is left unread: fifty are shown. */
export const MAX_PARSER_ERRORS = 100;

/** Most grammar paths whose following tokens are kept. */
const MAX_FOLLOWERS = 1000;

/** Where the parser goes on after an error: at which token, in which of the rules under way. */
interface ResyncPoint {
  readonly index: number;
  readonly level: number;
  readonly type: TokenType;
}

/** A parser whose recovery respects brackets. */
export abstract class RecoveringParser extends CstParser {
  /** Called by Chevrotain where a rule begins: its own node has children of a slower kind of object. */
  cstInvocationStateUpdate(name: string): void {
    const node: CstNode = { name, children: {} };
    this.#state.setInitialNodeLocation(node);
    this.#state.CST_STACK.push(node);
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

  readonly #followers = new Map<string, TokenType[]>();

  /**
   * Called by Chevrotain at each error: the tokens that may follow an expected one, which decide whether
   * that one is inserted. Finding them walks all rules under way, so each path is walked once.
   */
  getFollowsForInRuleRecovery(expected: TokenType, occurrence: number): TokenType[] {
    if (!this.canTokenTypeBeInsertedInRecovery(expected)) return [];
    const path = this.#state.getCurrentGrammarPath(expected, occurrence);
    const key = `${path.ruleStack} ${path.occurrenceStack} ${expected.name} ${occurrence}`;
    const known = this.#followers.get(key);
    if (known !== undefined) return known;
    const followers = this.#state.getNextPossibleTokenTypes(path);
    if (this.#followers.size >= MAX_FOLLOWERS) this.#followers.clear();
    this.#followers.set(key, followers);
    return followers;
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

  /**
   * Called by Chevrotain where a repetition ends and what is due behind it does not follow: skips to
   * that, or to another turn, unless a rule around it could go on earlier.
   */
  tryInRepetitionRecovery(
    repetition: (...args: unknown[]) => void,
    args: unknown[],
    mayEnter: () => boolean,
    expected: TokenType,
  ): void {
    const state = this.#state;
    const before = state.exportLexerState();
    const [found, previous] = [this.LA(1), this.LA(0)];
    const resyncAt = this.#resyncSearch();
    for (;; this.SKIP_TOKEN()) {
      const enters = mayEnter.call(this);
      if (enters || t.isA(this.LA(1), expected)) {
        const ruleName = state.getCurrRuleFullName();
        const mismatch = { expected, actual: found, previous, ruleName };
        const message = state.errorMessageProvider.buildMismatchTokenMessage(mismatch);
        state.SAVE_ERROR(new MismatchedTokenException(message, found, previous));
        if (enters) repetition.apply(this, args);
        return;
      }
      if (resyncAt(state.exportLexerState() + 1) !== null) {
        state.importLexerState(before);
        return;
      }
    }
  }

  /** Called by Chevrotain for each rule that an error ends: the type of the token to go on from. */
  findReSyncTokenType(): TokenType {
    this.#resync ??= this.#findResync();
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
    this.#resync = null;
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
    const resyncAt = this.#resyncSearch();
    for (let index = this.#state.exportLexerState() + 1;; index++) {
      const point = resyncAt(index);
      if (point !== null) return point;
    }
  }

  /** For tokens asked in their order from here on: the rule under way that can go on there. */
  #resyncSearch(): (index: number) => ResyncPoint | null {
    const state = this.#state;
    const depths = this.#bracketDepths();
    const end = { index: this.input.length, level: 0, type: EOF };
    if (this.errors.length >= MAX_PARSER_ERRORS) return () => end;
    /** The rules that began so deep in brackets, outermost first. */
    const levelsAt = new Map<number, { level: number; follows: readonly TokenType[] }[]>();
    const bases = this.#baseDepths(depths);
    for (const [level, key] of state.buildFullFollowKeyStack().entries()) {
      const follows = state.getFollowSetFromFollowKey(key);
      const others = levelsAt.get(bases[level]!);
      if (others === undefined) levelsAt.set(bases[level]!, [{ level, follows }]);
      else others.push({ level, follows });
    }
    let shallowest = Infinity;
    return (index) => {
      const token = this.input[index];
      // The framework puts tokens of the end behind the last one, which nothing skips.
      if (token === undefined || token.tokenType === EOF) return end;
      // Deeper ones are in a bracket that began after this place; of what began deeper it is the end.
      if (depths[index]! > shallowest) return null;
      shallowest = depths[index]!;
      const levels = levelsAt.get(shallowest) ?? [];
      // The innermost rule that can go on loses least.
      for (let at = levels.length - 1; at >= 0; at--) {
        const { follows, level } = levels[at]!;
        const type = follows.find((follow) => t.isA(token, follow));
        if (type !== undefined) return { index, level, type };
      }
      return null;
    };
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

/**
 * How the parser finds its way back after an error, and the remains of a rule that was given up.
 *
 * Chevrotain's own recovery knows no brackets: it makes up a `)` where one is missing, and a rule
 * that is given up in the middle of a block may go on inside it and take its `}` for its own. The
 * tokens that arrive here are balanced (`brackets.ts`), so the recovery can lean on that: no
 * bracket is ever made up or left out, and a rule goes on only at a token that is as deep in
 * brackets as its first one, and before its own bracket ends.
 *
 * Its work is bounded by the text: a search goes forward once, skipped text stays skipped, and with
 * too many errors the rest of the text is left unread.
 */
import {
  EmbeddedActionsParser,
  EOF,
  type IRecognitionException,
  isRecognitionException,
  type IToken,
  type ParserMethod,
  type TokenType,
} from "chevrotain";
import type { Span } from "../../source.ts";
import * as t from "../tokens.ts";
import type { Block, EventPattern, Expression, Name } from "../tree/ast.ts";

/**
 * Private to Chevrotain (its version is pinned), as are `findReSyncTokenType`, because nothing else
 * decides where a rule goes on, and `getFollowsForInRuleRecovery`, because each of its answers
 * walks the grammar.
 */
interface RecoveryState {
  /** What may follow a rule where it was called, which the library has worked out for each call. */
  getFollowSetFromFollowKey(key: {
    readonly ruleName: string;
    readonly idxInCallingRule: number;
    readonly inRule: string;
  }): readonly TokenType[] | undefined;
  getFollowsForInRuleRecovery(expected: TokenType, occurrence: number): TokenType[];
}

/** The numbers of a rule's calls of another: `SUBRULE`, `SUBRULE2` … */
const CALLS = [0, 2, 3, 4];

/** With more errors the rest of a text is left unread: fifty are shown. */
export const MAX_PARSER_ERRORS = 100;

/** Where the parser goes on after an error: at which token, in which of the rules under way. */
interface ResyncPoint {
  readonly index: number;
  readonly level: number;
  readonly type: TokenType;
}

/** Follows no rule: an error goes on to the rule around. */
const NOT_HERE: TokenType = { name: "NotHere" };

/** An error with what the rule that it left had read. */
interface TornRule extends IRecognitionException {
  torn?: unknown;
}

/** A node under way. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** Parts that a node begins with. A part without a place is missing. */
export const NO_SPAN = {} as Span;
export const NO_NAME: Name = { text: "", span: NO_SPAN };
export const NO_VALUE: Expression = { kind: "ErrorExpression", span: NO_SPAN };
export const NO_PATTERN: EventPattern = { kind: "Gap", span: NO_SPAN };
export const NO_BLOCK: Block = { statements: [], span: NO_SPAN };
export const NONE: readonly never[] = [];
const MISSING: ReadonlySet<unknown> = new Set([NO_SPAN, NO_NAME, NO_VALUE, NO_PATTERN, NO_BLOCK]);

/** A parser with a recovery that respects brackets. */
export abstract class RecoveringParser extends EmbeddedActionsParser {
  /** How many rules are under way, their names, and the number of the token that each began with. */
  #count = 0;
  readonly #names: string[] = [];
  readonly #begins: number[] = [];
  /** By the names of the rule called and of the one that calls it. */
  readonly #follows = new Map<string, readonly TokenType[]>();
  readonly #insertable = new Map<string, TokenType[]>();
  /** An error is on its way out of rules. */
  #isLeaving = false;
  #resync: ResyncPoint | null = null;
  /** The number of the token that a repetition may not skip. */
  #limit = Infinity;
  #depths: Uint8Array | null = null;
  #length = 0;

  /** The tokens to read. Chevrotain puts ends behind them while it reads. */
  protected take(tokens: IToken[]): void {
    t.numberTokens(tokens);
    this.input = tokens;
    this.#length = tokens.length;
    this.#count = 0;
    this.#isLeaving = false;
    this.#resync = null;
    this.#limit = Infinity;
    this.#depths = null;
  }

  /** The text from an offset to the end of the last read token. */
  protected abstract span(start: number): Span;

  // -- Rules ------------------------------------------------------------------------------------

  /** A rule; `lost` gives its value when an error leaves it, from the value of the rule inside. */
  protected rule<T, A = undefined>(
    name: string,
    read: (argument?: A) => T,
    lost: (torn: unknown) => T,
  ): ParserMethod<[argument?: A], T> {
    return this.RULE(name, (argument?: A): T => {
      this.#enter(name);
      try {
        return read(argument);
      } catch (error) {
        this.#leave(error, lost);
        throw error;
      } finally {
        this.#count--;
      }
    }, { recoveryValueFunc: tornOf });
  }

  /**
   * A rule that makes a node: it begins with missing parts, gets them in the order of the text, and
   * an error leaves it with the parts that it has by then.
   *
   * @param begin The node with its parts missing: a new literal is many times faster than a copy.
   * @param finish Finishes the node, and reports on it. `torn` is null where no error left the
   * rule, and else the value of the innermost rule that an error left.
   */
  protected node<T extends { readonly span: Span }, R = T, A = undefined>(
    name: string,
    begin: () => T,
    read: (node: Draft<T>, argument: A) => void,
    finish: (node: Draft<T>, torn: unknown, argument: A) => R = asItIs,
  ): ParserMethod<[argument?: A], R> {
    return this.RULE(name, (argument?: A): R => {
      this.#enter(name);
      const { start } = this;
      const node: Draft<T> = begin();
      try {
        read(node, argument!);
        node.span = this.span(start);
        return this.RECORDING_PHASE ? asItIs(node) : finish(node, null, argument!);
      } catch (error) {
        node.span = this.span(start);
        this.#leave(error, (torn) => {
          const whole = completed(node, torn, this.behind());
          return whole === node ? finish(node, torn, argument!) : whole;
        });
        throw error;
      } finally {
        this.#count--;
      }
    }, { recoveryValueFunc: tornOf });
  }

  #enter(name: string): void {
    this.#names[this.#count] = name;
    this.#begins[this.#count++] = this.#index;
  }

  #leave(error: unknown, lost: (torn: unknown) => unknown): void {
    if (!(error instanceof Error) || !isRecognitionException(error)) return;
    this.#isLeaving = true;
    const torn = error as TornRule;
    torn.torn = lost(torn.torn);
  }

  /** Where the next token begins: the end of all is behind the last one. */
  protected get start(): number {
    const { startOffset, tokenType } = this.LA(1);
    return tokenType === EOF ? this.behind().start : startOffset;
  }

  /** The empty place behind what was read last. */
  protected behind(): Span {
    return this.span(this.span(0).end);
  }

  // -- Recovery ---------------------------------------------------------------------------------

  /** Brackets are balanced and names carry meaning: neither is ever made up. */
  protected override canTokenTypeBeInsertedInRecovery(type: TokenType): boolean {
    // Before a brace it is unclear what is missing: the value may be.
    return (type === t.Assign || type === t.Colon || type === t.Hard.in) &&
      this.LA(1).tokenType !== t.LBrace;
  }

  /** Leaving one token out must neither tear a pair of brackets apart nor move a name. */
  protected override canTokenTypeBeDeletedInRecovery(type: TokenType): boolean {
    // The next skipped token is the one left out, or the one that a repetition examines again.
    this.#limit = Infinity;
    const next = this.LA(1);
    return type !== t.Name && !isBracket(type) && !isBracket(next.tokenType) && !t.isA(next, t.End);
  }

  /** Skips one token, or a whole bracket with all that is in it. */
  protected override SKIP_TOKEN(): IToken {
    // Chevrotain asks for ever where it does not find the end that it was told of.
    if (this.#index >= this.#limit) return this.LA(Infinity);
    let depth = 0;
    do {
      const type = this.LA(1).tokenType;
      if (t.OPENERS.has(type)) depth++;
      else if (t.CLOSERS.has(type)) depth--;
      super.SKIP_TOKEN();
    } while (depth > 0 && this.LA(1).tokenType !== EOF);
    return this.LA(1);
  }

  /**
   * Private to Chevrotain, which asks it in two places. For each rule that an error leaves: the
   * type of the token where it continues; the parser is there then. And where the expected token
   * does not follow a repetition: the token that the search for it must not skip.
   */
  findReSyncTokenType(): TokenType {
    if (!this.#isLeaving) {
      this.#limit = this.errors.length < MAX_PARSER_ERRORS
        ? this.#findResync(this.#count - 1).index
        : this.#index;
      return EOF;
    }
    // The rule that is left counts no more.
    const innermost = this.#count;
    const { index, level, type } = this.#resync ??= this.#findResync(innermost);
    if (level < innermost) return NOT_HERE;
    this.#isLeaving = false;
    this.#resync = null;
    while (this.#index < index) super.SKIP_TOKEN();
    return type;
  }

  /**
   * Private to Chevrotain, which asks it at each error: what may follow a token that could be made up. Each
   * that can be has a value behind it in its own rule, whatever is around.
   */
  getFollowsForInRuleRecovery(expected: TokenType, occurrence: number): TokenType[] {
    if (!this.canTokenTypeBeInsertedInRecovery(expected)) return [];
    const key = `${this.#names[this.#count - 1]} ${expected.name} ${occurrence}`;
    let follows = this.#insertable.get(key);
    if (follows === undefined) {
      const { getFollowsForInRuleRecovery } = EmbeddedActionsParser
        .prototype as unknown as RecoveryState;
      follows = getFollowsForInRuleRecovery.call(this, expected, occurrence);
      this.#insertable.set(key, follows);
    }
    return follows;
  }

  /** What may follow a rule under way where it was called. */
  #followsOf(level: number): readonly TokenType[] {
    if (level === 0) return [EOF];
    const [inRule, ruleName] = [this.#names[level - 1]!, this.#names[level]!];
    const key = `${ruleName} ${inRule}`;
    let follows = this.#follows.get(key);
    if (follows === undefined) {
      const state = this as unknown as RecoveryState;
      follows = CALLS.flatMap((idxInCallingRule) =>
        state.getFollowSetFromFollowKey({ ruleName, idxInCallingRule, inRule }) ?? []
      );
      this.#follows.set(key, follows);
    }
    return follows;
  }

  /** The number of the next token. */
  get #index(): number {
    const { payload, tokenType } = this.LA(1);
    return tokenType === EOF ? this.#length : payload;
  }

  /** The first token that a rule under way can go on from. */
  #findResync(innermost: number): ResyncPoint {
    const end = { index: this.#length, level: 0, type: EOF };
    if (this.errors.length >= MAX_PARSER_ERRORS) return end;
    const depths = this.#bracketDepths();
    /** The rules that began so deep in brackets, outermost first. */
    const levelsAt = new Map<number, { level: number; follows: readonly TokenType[] }[]>();
    for (let level = 0; level <= innermost; level++) {
      const depth = depths[this.#begins[level]!] ?? 0;
      const follows = this.#followsOf(level);
      const others = levelsAt.get(depth);
      if (others === undefined) levelsAt.set(depth, [{ level, follows }]);
      else others.push({ level, follows });
    }
    let shallowest = Infinity;
    for (let index = this.#index; index < this.#length; index++) {
      // Deeper ones are in a bracket that began after this place; of what began deeper it is the end.
      if (depths[index]! > shallowest) continue;
      shallowest = depths[index]!;
      const token = this.input[index];
      // The innermost rule that can go on loses least.
      for (const { follows, level } of (levelsAt.get(shallowest) ?? []).toReversed()) {
        const type = follows.find((follow) => t.isA(token, follow));
        if (type !== undefined) return { index, level, type };
      }
    }
    return end;
  }

  /** How many brackets are open before each token. */
  #bracketDepths(): Uint8Array {
    if (this.#depths !== null) return this.#depths;
    this.#depths = new Uint8Array(this.#length);
    let depth = 0;
    for (let index = 0; index < this.#length; index++) {
      this.#depths[index] = depth;
      const { tokenType } = this.input[index]!;
      if (t.OPENERS.has(tokenType)) depth++;
      else if (t.CLOSERS.has(tokenType)) depth--;
    }
    return this.#depths;
  }
}

function asItIs<T>(node: unknown): T {
  return node as T;
}

function isBracket(type: TokenType): boolean {
  return t.OPENERS.has(type) || t.CLOSERS.has(type);
}

/** The rest of a rule that goes on after an error. */
function tornOf<T>(error: IRecognitionException): T {
  return (error as TornRule).torn as T;
}

/** A node with empty places for what it did not get; the first value that it lacks may have begun. */
function completed(node: { readonly span: Span }, begun: unknown, behind: Span): object {
  const parts = node as Record<string, unknown> & { readonly span: Span };
  // Parentheses and blocks are no nodes. They get here where too many errors end the parsing.
  let torn = begun instanceof Object && "kind" in begun ? begun : undefined;
  for (const [key, part] of Object.entries(parts)) {
    if (!MISSING.has(part)) continue;
    if (part === NO_SPAN) return { kind: "ErrorStatement", span: node.span };
    const canHaveBegun = part === NO_VALUE || part === NO_PATTERN;
    parts[key] = canHaveBegun && torn !== undefined ? torn : { ...part as object, span: behind };
    if (canHaveBegun) torn = undefined;
  }
  return node;
}

/**
 * How the parser recovers after an error, and the partial result of an abandoned rule.
 *
 * Chevrotain's own recovery does not know brackets. It inserts a missing `)`. A rule that is
 * abandoned in the middle of a block may continue inside the block and take the block's `}` for its
 * own. The tokens that this parser gets are balanced (`brackets.ts`), and its recovery depends on
 * that: it never inserts or leaves out a bracket. A rule continues only at a token that is as deep
 * in brackets as the rule's first token, and before the end of the rule's bracket.
 *
 * The work is limited by the length of the text: a search goes forward once, skipped text stays
 * skipped, and with too many errors the rest of the text is not parsed.
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
import { NO_BLOCK, NO_NAME, NO_PATTERN, NO_SPAN, NO_VALUE } from "../tree/nodes.ts";

/**
 * Private members of Chevrotain; its version is pinned. `findReSyncTokenType` and `disableRecording`
 * are private, too.
 */
interface PrivateMembers {
  /**
   * Called before each rule runs once so that its grammar is known: gives `this` other versions of
   * `CONSUME`, `OR` and so on, which record the grammar.
   */
  enableRecording(): void;
  /**
   * Returns the tokens that may follow a call of a rule. Chevrotain has computed them for each
   * call. Only `findReSyncTokenType`, which is overridden, decides where a rule continues.
   */
  getFollowSetFromFollowKey(key: {
    readonly ruleName: string;
    readonly idxInCallingRule: number;
    readonly inRule: string;
  }): readonly TokenType[] | undefined;
  /** Overridden, because each call traverses the grammar. */
  getFollowsForInRuleRecovery(expected: TokenType, occurrence: number): TokenType[];
}

/** Chevrotain's indexes of the calls with which one rule calls another: `SUBRULE`, `SUBRULE2` … */
const CALLS = [0, 2, 3, 4];

/** After this many errors the rest of a text is not parsed, because only fifty errors are shown. */
export const MAX_PARSER_ERRORS = 100;

/** Where the parser continues after an error: at which token, and in which of the active rules. */
interface ResyncPoint {
  readonly index: number;
  readonly level: number;
  readonly type: TokenType;
}

/**
 * A token type that follows no rule. If it is returned, the error is passed on to the surrounding
 * rule.
 */
const NOT_HERE: TokenType = { name: "NotHere" };

/** An error with the partial result of the rule that it left. */
interface TornRule extends IRecognitionException {
  torn?: unknown;
}

/** A node while its rule is active. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };

const MISSING: ReadonlySet<unknown> = new Set([NO_SPAN, NO_NAME, NO_VALUE, NO_PATTERN, NO_BLOCK]);

/** A parser with a recovery that respects brackets. */
export abstract class RecoveringParser extends EmbeddedActionsParser {
  /** Number of active rules, their names, and the index of the first token of each. */
  #count = 0;
  readonly #names: string[] = [];
  readonly #begins: number[] = [];
  /** Tokens that may follow a rule, by the names of the rule and of its caller. */
  readonly #follows = new Map<string, readonly TokenType[]>();
  readonly #insertable = new Map<string, TokenType[]>();
  /** True while the parser leaves rules because of an error. */
  #isLeaving = false;
  #resync: ResyncPoint | null = null;
  /** Index of the token that a search after a repetition must not skip. */
  #limit = Infinity;
  #depths: Uint8Array | null = null;
  #length = 0;

  /**
   * Overrides Chevrotain's method (see {@linkcode PrivateMembers}). Chevrotain puts its 89 recording
   * methods into the parser and deletes them afterwards, one by one. V8 copies all properties of
   * the parser at each deletion: that was an eighth of the time and a quarter of the memory that it
   * takes to make a parser. Here these methods are in an object between the parser and its class.
   */
  protected enableRecording(): void {
    const { enableRecording } = EmbeddedActionsParser.prototype as unknown as PrivateMembers;
    const recorder = Object.create(Object.getPrototypeOf(this));
    enableRecording.call(recorder);
    Object.setPrototypeOf(this, recorder);
    this.RECORDING_PHASE = true;
  }

  /** Overrides Chevrotain's method (see {@linkcode PrivateMembers}): ends the recording. */
  protected disableRecording(): void {
    this.RECORDING_PHASE = false;
    Object.setPrototypeOf(this, Object.getPrototypeOf(Object.getPrototypeOf(this)));
  }

  /** Sets the tokens to read. Chevrotain appends end tokens while it reads. */
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

  /** The span from an offset to the end of the last read token. */
  protected abstract span(start: number): Span;

  // -- Rules ------------------------------------------------------------------------------------

  /**
   * Defines a rule. If an error leaves the rule, `lost` makes the rule's value from the partial
   * value of the inner rule.
   */
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
   * Defines a rule that makes a node. At first the node has placeholders for its parts. It gets the
   * parts in the order of the text. If an error leaves the rule, the node keeps the parts that it
   * has.
   *
   * @param begin Makes the node with placeholders for its parts. A new literal is many times faster
   *   than a copy of a node.
   * @param finish Finishes the node, and reports mistakes in it. `torn` is null without an error;
   *   otherwise it is the value of the innermost rule that the error left.
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

  /** The offset of the next token; at the end, the end of the last token. */
  protected get start(): number {
    const { startOffset, tokenType } = this.LA(1);
    return tokenType === EOF ? this.behind().start : startOffset;
  }

  /** The empty span after the last read token. */
  protected behind(): Span {
    return this.span(this.span(0).end);
  }

  // -- Recovery ---------------------------------------------------------------------------------

  /** Brackets are balanced and names have a meaning: neither is ever inserted. */
  protected override canTokenTypeBeInsertedInRecovery(type: TokenType): boolean {
    // Before a brace it is unclear what is missing: this token, or the value.
    return (type === t.Assign || type === t.Colon || type === t.Hard.in) &&
      this.LA(1).tokenType !== t.LBrace;
  }

  /** Removing a token must neither separate a pair of brackets nor remove a name. */
  protected override canTokenTypeBeDeletedInRecovery(type: TokenType): boolean {
    // Resets the limit, because it does not apply to the token that is skipped next: this is the
    // token to remove, or a token that a repetition tries again.
    this.#limit = Infinity;
    const next = this.LA(1);
    return type !== t.Name && !isBracket(type) && !isBracket(next.tokenType) && !t.isA(next, t.End);
  }

  /** Skips one token, or a whole bracket with its contents. */
  protected override SKIP_TOKEN(): IToken {
    // At the limit, the end of the text is returned. Otherwise Chevrotain would search for the
    // token endlessly.
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
   * Private to Chevrotain, which calls it in two places. First, for each rule that an error leaves:
   * the method skips to the token at which the rule continues, and returns the type of that token.
   * Second, if the token expected after a repetition is not found: the method sets the token beyond
   * which the search must not skip.
   */
  findReSyncTokenType(): TokenType {
    if (!this.#isLeaving) {
      this.#limit = this.errors.length < MAX_PARSER_ERRORS
        ? this.#findResync(this.#count - 1).index
        : this.#index;
      return EOF;
    }
    // The rule that the error leaves is not counted any more.
    const innermost = this.#count;
    const { index, level, type } = this.#resync ??= this.#findResync(innermost);
    if (level < innermost) return NOT_HERE;
    this.#isLeaving = false;
    this.#resync = null;
    while (this.#index < index) super.SKIP_TOKEN();
    return type;
  }

  /**
   * Private to Chevrotain, which calls it at each error: returns the tokens that may follow an
   * inserted token. The result can be cached, because a token that can be inserted is always
   * followed by a value in the same rule.
   */
  getFollowsForInRuleRecovery(expected: TokenType, occurrence: number): TokenType[] {
    if (!this.canTokenTypeBeInsertedInRecovery(expected)) return [];
    const key = `${this.#names[this.#count - 1]} ${expected.name} ${occurrence}`;
    let follows = this.#insertable.get(key);
    if (follows === undefined) {
      const { getFollowsForInRuleRecovery } = EmbeddedActionsParser
        .prototype as unknown as PrivateMembers;
      follows = getFollowsForInRuleRecovery.call(this, expected, occurrence);
      this.#insertable.set(key, follows);
    }
    return follows;
  }

  /** The tokens that may follow an active rule where it was called. */
  #followsOf(level: number): readonly TokenType[] {
    if (level === 0) return [EOF];
    const [inRule, ruleName] = [this.#names[level - 1]!, this.#names[level]!];
    const key = `${ruleName} ${inRule}`;
    let follows = this.#follows.get(key);
    if (follows === undefined) {
      const state = this as unknown as PrivateMembers;
      follows = CALLS.flatMap((idxInCallingRule) =>
        state.getFollowSetFromFollowKey({ ruleName, idxInCallingRule, inRule }) ?? []
      );
      this.#follows.set(key, follows);
    }
    return follows;
  }

  /** The index of the next token. */
  get #index(): number {
    const { payload, tokenType } = this.LA(1);
    return tokenType === EOF ? this.#length : payload;
  }

  /** Finds the first token at which an active rule can continue. */
  #findResync(innermost: number): ResyncPoint {
    const end = { index: this.#length, level: 0, type: EOF };
    if (this.errors.length >= MAX_PARSER_ERRORS) return end;
    const depths = this.#bracketDepths();
    /** The rules by the depth in brackets of their first token, outermost first. */
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
      // Skips deeper tokens, because they are in a bracket that began after the error. If a token
      // is less deep than the tokens before it, the deeper brackets have ended.
      if (depths[index]! > shallowest) continue;
      shallowest = depths[index]!;
      const token = this.input[index];
      // The innermost rule that can continue loses the least text.
      for (const { follows, level } of (levelsAt.get(shallowest) ?? []).toReversed()) {
        const type = follows.find((follow) => t.isA(token, follow));
        if (type !== undefined) return { index, level, type };
      }
    }
    return end;
  }

  /** The number of open brackets before each token. */
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

/** The partial result of a rule, with which the parser continues after an error. */
function tornOf<T>(error: IRecognitionException): T {
  return (error as TornRule).torn as T;
}

/**
 * Completes a node: its missing parts become error parts. The partial value `begun`, if any,
 * becomes the first missing value.
 */
function completed(node: { readonly span: Span }, begun: unknown, behind: Span): object {
  const parts = node as Record<string, unknown> & { readonly span: Span };
  // A partial result that is not a node, such as parentheses, is ignored. It can occur when too
  // many errors end the parsing.
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

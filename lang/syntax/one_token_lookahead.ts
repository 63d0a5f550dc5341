/**
 * Decisions of the grammar by the next token, each worked out when it is first needed.
 *
 * Chevrotain's own strategy works out every decision of a grammar when the parser is made, and each
 * by comparing paths of any length, which takes a tenth of the start of a small script. One token
 * always tells here: all that a decision has to know is which tokens can begin what it leads to.
 */
import {
  Alternation,
  type ILookaheadStrategy,
  type IProduction,
  type IToken,
  LLkLookaheadStrategy,
  NonTerminal,
  Option,
  Repetition,
  RepetitionMandatory,
  RepetitionMandatoryWithSeparator,
  RepetitionWithSeparator,
  type Rule,
  Terminal,
  type TokenType,
} from "chevrotain";

type BuildChoice = ILookaheadStrategy["buildLookaheadForAlternation"];
type BuildOptional = ILookaheadStrategy["buildLookaheadForOptional"];
type Choose = ReturnType<BuildChoice>;
type Enter = ReturnType<BuildOptional>;

/** What a decision asks the parser, which calls it as its method. */
interface LookingAhead {
  LA(ahead: number): IToken;
}

type Branching =
  | Alternation
  | Option
  | Repetition
  | RepetitionMandatory
  | RepetitionMandatoryWithSeparator
  | RepetitionWithSeparator;

const BRANCHINGS = {
  Alternation,
  Option,
  Repetition,
  RepetitionMandatory,
  RepetitionMandatoryWithSeparator,
  RepetitionWithSeparator,
};

/** What a production consists of. The library's types leave it out where they say production. */
export function inside(production: IProduction): readonly IProduction[] {
  return (production as IProduction & { readonly definition: IProduction[] }).definition;
}

/** A rule's branching of a kind, by the number that it has in the rule. */
function findBranching(
  productions: readonly IProduction[],
  kind: keyof typeof BRANCHINGS,
  occurrence: number,
): Branching | null {
  for (const production of productions) {
    // What a call of another rule leads to is that rule's own.
    if (production instanceof Terminal || production instanceof NonTerminal) continue;
    if (production instanceof BRANCHINGS[kind] && production.idx === occurrence) return production;
    const found = findBranching(inside(production), kind, occurrence);
    if (found !== null) return found;
  }
  return null;
}

/** Which tokens can begin what. */
export class Beginnings {
  readonly #ofRules = new Map<Rule, { types: ReadonlySet<TokenType>; canBeEmpty: boolean }>();

  /** Adds what can begin a sequence; true when the sequence can be empty. */
  addSequence(productions: readonly IProduction[], into: Set<TokenType>): boolean {
    for (const production of productions) if (!this.#add(production, into)) return false;
    return true;
  }

  #add(production: IProduction, into: Set<TokenType>): boolean {
    if (production instanceof Terminal) {
      into.add(production.terminalType);
      return false;
    }
    if (production instanceof NonTerminal) {
      const { types, canBeEmpty } = this.#ofRule(production.referencedRule);
      for (const type of types) into.add(type);
      return canBeEmpty;
    }
    if (production instanceof Alternation) {
      let canBeEmpty = false;
      for (const alternative of inside(production)) {
        if (this.addSequence(inside(alternative), into)) canBeEmpty = true;
      }
      return canBeEmpty;
    }
    return this.addSequence(inside(production), into) || production instanceof Option ||
      production instanceof Repetition || production instanceof RepetitionWithSeparator;
  }

  #ofRule(rule: Rule): { types: ReadonlySet<TokenType>; canBeEmpty: boolean } {
    const known = this.#ofRules.get(rule);
    if (known !== undefined) return known;
    const types = new Set<TokenType>();
    const found = { types, canBeEmpty: this.addSequence(rule.definition, types) };
    this.#ofRules.set(rule, found);
    return found;
  }
}

/** Notes a way for each of these tokens, and for those of their kinds, that has none yet. */
function note<Way>(ways: Way[], types: ReadonlySet<TokenType>, way: Way): void {
  for (const type of types) {
    ways[type.tokenTypeIdx!] ??= way;
    for (const kind of type.categoryMatches ?? []) ways[kind] ??= way;
  }
}

/** Decides as Chevrotain's own strategy does with one token. What needs more is left to that. */
export class OneTokenLookahead extends LLkLookaheadStrategy {
  readonly #beginnings = new Beginnings();

  constructor() {
    super({ maxLookahead: 1 });
  }

  override buildLookaheadForAlternation(options: Parameters<BuildChoice>[0]): Choose {
    const build = () => this.#choice(options) ?? super.buildLookaheadForAlternation(options);
    let choose: Choose | null = null;
    return function (this: unknown, alternatives): number | undefined {
      choose ??= build();
      return choose.call(this, alternatives);
    };
  }

  override buildLookaheadForOptional(options: Parameters<BuildOptional>[0]): Enter {
    const build = () => this.#entry(options) ?? super.buildLookaheadForOptional(options);
    let enter: Enter | null = null;
    return function (this: unknown): boolean {
      enter ??= build();
      return enter.call(this);
    };
  }

  /** The first alternative that the next token can begin; null when one token does not tell. */
  #choice(options: Parameters<BuildChoice>[0]): Choose | null {
    const { rule, prodOccurrence, maxLookahead, hasPredicates, dynamicTokensEnabled } = options;
    if (maxLookahead !== 1 || hasPredicates || dynamicTokensEnabled) return null;
    const branching = findBranching(rule.definition, "Alternation", prodOccurrence);
    if (branching === null) return null;
    const choices: number[] = [];
    for (const [index, alternative] of inside(branching).entries()) {
      const types = new Set<TokenType>();
      if (this.#beginnings.addSequence(inside(alternative), types)) return null;
      note(choices, types, index);
    }
    return function (this: unknown): number | undefined {
      return choices[(this as LookingAhead).LA(1).tokenTypeIdx];
    };
  }

  /** Whether the next token can begin what may be left out; null when one token does not tell. */
  #entry(options: Parameters<BuildOptional>[0]): Enter | null {
    const { rule, prodOccurrence, prodType, maxLookahead, dynamicTokensEnabled } = options;
    if (maxLookahead !== 1 || dynamicTokensEnabled) return null;
    const branching = findBranching(rule.definition, prodType, prodOccurrence);
    if (branching === null) return null;
    const types = new Set<TokenType>();
    if (this.#beginnings.addSequence(inside(branching), types)) return null;
    const entered: true[] = [];
    note(entered, types, true);
    return function (this: unknown): boolean {
      return entered[(this as LookingAhead).LA(1).tokenTypeIdx] === true;
    };
  }
}

/**
 * Writes the plan of the grammar, `grammar_plan.ts`: what each rule takes, step by step, and which
 * token leads where. Chevrotain has the grammar; `deno task reference` writes the plan again.
 */
import {
  Alternation,
  type IProduction,
  NonTerminal,
  Option,
  Repetition,
  RepetitionMandatory,
  type Rule,
  Terminal,
  type TokenType,
} from "chevrotain";
import { DmaParser } from "./parser.ts";
import {
  FIRST_WAY,
  type GrammarPlan,
  type Leads,
  type PlanNode,
  type Steps,
} from "./plan_reader.ts";
import { kindsOf, VOCABULARY } from "./tokens.ts";

/** No way. */
const NO_WAY = " ".charCodeAt(0);

/** The plan of the grammar as Chevrotain records it. */
export function planOfGrammar(): GrammarPlan {
  return new PlanWriter(new DmaParser()).plan();
}

/** The text of `grammar_plan.ts`: a line for each rule. */
export function planFile(): string {
  const rules = planOfGrammar().map((rule) => JSON.stringify(rule)).join(",\n");
  return `/** The plan of the grammar, from \`parser.ts\`: \`deno task reference\` writes it. */
import type { GrammarPlan } from "./plan_reader.ts";

// The host reads a text much faster than a program with as many lists.
export const PLAN: GrammarPlan = JSON.parse(\`[
${rules}
]\`);
`;
}

class PlanWriter {
  readonly #beginnings = new Beginnings();
  readonly #rules: readonly Rule[];

  constructor(parser: DmaParser) {
    this.#rules = Object.values(parser.getGAstProductions());
  }

  plan(): GrammarPlan {
    return this.#rules.map(({ definition, name }) => ({ name, steps: this.#steps(definition) }));
  }

  #steps(productions: readonly IProduction[]): Steps {
    return productions.map((production) => this.#step(production));
  }

  #step(production: IProduction): PlanNode {
    if (production instanceof Terminal) {
      const { label, terminalType } = production;
      return ["token", VOCABULARY.indexOf(terminalType), label ?? terminalType.name];
    }
    if (production instanceof NonTerminal) {
      const { label, referencedRule } = production;
      return ["rule", this.#rules.indexOf(referencedRule), label ?? referencedRule.name];
    }
    if (production instanceof Alternation) {
      const ways = inside(production).map(inside);
      return ["choice", this.#leads(ways), ways.map((way) => this.#steps(way))];
    }
    const steps = inside(production);
    const kind = production instanceof Option
      ? "option"
      : production instanceof RepetitionMandatory
      ? "some"
      : "many";
    return [kind, this.#leads([steps]), this.#steps(steps)];
  }

  /** @throws {Error} Where one token does not tell. */
  #leads(ways: readonly (readonly IProduction[])[]): Leads {
    const begins = ways.map((way) => {
      const types = new Set<TokenType>();
      if (this.#beginnings.addSequence(way, types)) throw new Error("A way that can be empty");
      return types;
    });
    return VOCABULARY.map((type) => {
      const way = begins.findIndex((types) => !types.isDisjointFrom(kindsOf(type)));
      return String.fromCharCode(way < 0 ? NO_WAY : FIRST_WAY + way);
    }).join("").trimEnd();
  }
}

/** Which tokens can begin what. */
class Beginnings {
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
      production instanceof Repetition;
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

/** What a production consists of. The library's types leave it out where they say production. */
function inside(production: IProduction): readonly IProduction[] {
  return (production as IProduction & { readonly definition: IProduction[] }).definition;
}

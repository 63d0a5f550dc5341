/**
 * The grammar as a plan: what each rule takes, one step after the other, and which token leads where.
 *
 * Chevrotain learns a grammar by running its rules, whenever the program starts, and its parsers are
 * many functions that each have to be compiled. A file without a mistake needs nothing of that: the
 * package is built with the plan, which `plan_reader.ts` follows.
 */
import {
  Alternation,
  type IProduction,
  NonTerminal,
  Option,
  RepetitionMandatory,
  type Rule,
  Terminal,
} from "chevrotain";
import { Beginnings, inside } from "./one_token_lookahead.ts";
import { DmaParser } from "./parser.ts";
import { FIRST_WAY, type GrammarPlan, type Leads, type Step, type Steps } from "./plan_reader.ts";
import { kindsOf, VOCABULARY } from "./tokens.ts";

/** No way. */
const NO_WAY = " ".charCodeAt(0);

/** Has Chevrotain learn the grammar, and writes it down. */
export function planOfGrammar(): GrammarPlan {
  return new PlanWriter(new DmaParser({ recover: false })).plan();
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

  #step(production: IProduction): Step {
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
      const types = new Set<(typeof VOCABULARY)[number]>();
      if (this.#beginnings.addSequence(way, types)) throw new Error("A way that can be empty");
      return types;
    });
    return VOCABULARY.map((type) => {
      const way = begins.findIndex((types) => !types.isDisjointFrom(kindsOf(type)));
      return String.fromCharCode(way < 0 ? NO_WAY : FIRST_WAY + way);
    }).join("").trimEnd();
  }
}

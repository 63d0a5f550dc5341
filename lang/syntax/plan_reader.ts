/**
 * Reads texts without a mistake by the plan of the grammar, into the trees that Chevrotain's parser
 * makes of them. A text with a mistake is left to that parser, which recovers and reports.
 */
import type { CstElement, CstNode, IToken, TokenType } from "chevrotain";
import { kindsOf, VOCABULARY } from "./tokens.ts";

/**
 * One step: a token of a type or another rule, each under a label; one of several ways; or steps that
 * may be left out, come any number of times, or at least once. Types and rules go by their numbers.
 */
export type PlanNode =
  | readonly [kind: "token" | "rule", number: number, label: string]
  | readonly [kind: "choice", leads: Leads, ways: readonly Steps[]]
  | readonly [kind: "option" | "many" | "some", leads: Leads, steps: Steps];

export type Steps = readonly PlanNode[];

/** For each token of the vocabulary a letter: the way that it leads to, or a blank. */
export type Leads = string;

export interface PlannedRule {
  readonly name: string;
  readonly steps: Steps;
}

export type GrammarPlan = readonly PlannedRule[];

/** Ways count from here. */
export const FIRST_WAY = "0".charCodeAt(0);

type Children = Record<string, CstElement[]>;

export class PlanReader {
  readonly #plan: GrammarPlan;
  readonly #numbers: ReadonlyMap<TokenType, number> = new Map(
    VOCABULARY.map((type, number) => [type, number]),
  );
  #tokens: readonly IToken[] = [];
  /** The number of the next token. */
  #next = 0;

  constructor(plan: GrammarPlan) {
    this.#plan = plan;
  }

  /** The tree of all of the tokens by a rule; null where they are not what it takes. */
  read(rule: string, tokens: readonly IToken[]): CstNode | null {
    this.#tokens = tokens;
    this.#next = 0;
    const tree = this.#rule(this.#plan.findIndex(({ name }) => name === rule));
    return this.#next === tokens.length ? tree : null;
  }

  #rule(number: number): CstNode | null {
    const { name, steps } = this.#plan[number]!;
    const startOffset = this.#tokens[this.#next]?.startOffset ?? NaN;
    const children: Children = {};
    if (!this.#steps(steps, children)) return null;
    const last = this.#tokens[this.#next - 1];
    const location = last !== undefined && startOffset <= last.startOffset
      ? { startOffset, endOffset: last.endOffset! }
      : { startOffset: NaN, endOffset: NaN };
    return { name, children, location };
  }

  #steps(steps: Steps, children: Children): boolean {
    for (const step of steps) if (!this.#step(step, children)) return false;
    return true;
  }

  #step(step: PlanNode, children: Children): boolean {
    switch (step[0]) {
      case "token":
        return this.#token(step[1], step[2], children);
      case "rule": {
        const node = this.#rule(step[1]);
        if (node !== null) (children[step[2]] ??= []).push(node);
        return node !== null;
      }
      case "choice": {
        const way = this.#way(step[1]);
        return way >= 0 && this.#steps(step[2][way]!, children);
      }
      case "option":
        return this.#way(step[1]) < 0 || this.#steps(step[2], children);
      case "some":
        if (this.#way(step[1]) < 0) return false;
        return this.#repeat(step[1], step[2], children);
      case "many":
        return this.#repeat(step[1], step[2], children);
    }
  }

  #repeat(leads: Leads, steps: Steps, children: Children): boolean {
    while (this.#way(leads) >= 0) if (!this.#steps(steps, children)) return false;
    return true;
  }

  #token(number: number, label: string, children: Children): boolean {
    const token = this.#tokens[this.#next];
    if (token === undefined || !kindsOf(token.tokenType).has(VOCABULARY[number]!)) return false;
    (children[label] ??= []).push(token);
    this.#next++;
    return true;
  }

  /** Where the next token leads; below 0 for nowhere. */
  #way(leads: Leads): number {
    const token = this.#tokens[this.#next];
    const number = token === undefined ? -1 : this.#numbers.get(token.tokenType) ?? -1;
    const letter = leads.charCodeAt(number);
    // Beyond the end of the letters there is nothing either: it is no number.
    return letter >= FIRST_WAY ? letter - FIRST_WAY : -1;
  }
}

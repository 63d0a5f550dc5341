/** The rules of event patterns: `[ iova.alloc, iommu.map+, ... ]`. */
import type { IToken } from "chevrotain";
import type { Span } from "../../source.ts";
import * as t from "../tokens.ts";
import type {
  Argument,
  EventPattern,
  Expression,
  PatternEvent,
  PatternField,
  PatternSequence,
  RepeatCount,
} from "../tree/ast.ts";
import { readNumber } from "../tree/literals.ts";
import { NO_PATTERN, NO_SPAN, NONE, PARTS } from "../tree/nodes.ts";
import { ExpressionRules, ITEMS } from "./expression_rules.ts";
import { due } from "./rule_tools.ts";

const ONCE: RepeatCount = { min: 1, max: 1 };
const SIMPLE_SUFFIXES: Readonly<Record<string, RepeatCount>> = {
  "*": { min: 0, max: Infinity },
  "+": { min: 1, max: Infinity },
  "?": { min: 0, max: 1 },
};

/** Kinds of field values that need no parentheses. */
const PLAIN_VALUES: ReadonlySet<Expression["kind"]> = new Set([
  "Integer",
  "Ratio",
  "Size",
  "Duration",
  "String",
  "Bytes",
  "Boolean",
  "None",
  "Name",
  "ErrorExpression",
]);

interface EventParts {
  readonly words: readonly IToken[];
  readonly nameSpan: Span | null;
  readonly fields: readonly PatternField[];
  readonly span: Span;
}

interface EventTerm {
  readonly bang: IToken | null;
  readonly item: EventPattern;
  readonly times: RepeatCount | null;
  readonly span: Span;
}

// What a rule collects before it makes a node, with its initial parts.
const EVENT_TERM = (): EventTerm => ({ bang: null, item: NO_PATTERN, times: null, span: NO_SPAN });
const EVENT_NAME = (): EventParts => ({ words: NONE, nameSpan: null, fields: NONE, span: NO_SPAN });

export abstract class PatternRules extends ExpressionRules {
  readonly eventPattern = this.node("eventPattern", PARTS.Sequence, (node) => {
    this.CONSUME(t.LBracket, due("eventPattern"));
    this.commas(node.items = [], this.eventChoice, "an event");
    this.CONSUME(t.RBracket);
  }, (node, torn) => this.#checkItems(node, torn, "Pattern"));

  readonly eventGroup = this.node("eventGroup", PARTS.Sequence, (node) => {
    this.CONSUME(t.LParen);
    this.commas(node.items = [], this.eventChoice, "an event");
    this.CONSUME(t.RParen);
  }, (node, torn) => {
    for (const item of node.items) this.#refuseAbsent(item);
    return this.#checkItems(node, torn, "Group");
  });

  #checkItems(node: PatternSequence, torn: unknown, what: string): PatternSequence {
    if (node.items.length === 0 && torn === null) {
      this.#patternError(node.span, `${what} without an event`);
    }
    return node;
  }

  #refuseAbsent({ kind, span }: EventPattern): void {
    if (kind !== "Absent") return;
    this.#patternError(span, "`!name` is allowed only at the top level of a pattern");
  }

  readonly eventChoice = this.node("eventChoice", ITEMS<EventPattern>, (node) => {
    const choices: EventPattern[] = node.items = [];
    choices.push(this.SUBRULE(this.eventTerm));
    this.MANY(() => {
      this.CONSUME(t.Pipe);
      choices.push(this.SUBRULE2(this.eventTerm));
    });
  }, ({ items: choices, span }, torn): EventPattern => {
    const [only] = choices;
    if (only === undefined) return torn as EventPattern ?? { kind: "Gap", span };
    if (choices.length === 1) return only;
    for (const choice of choices) this.#refuseAbsent(choice);
    return { kind: "Alternatives", choices, span };
  });

  readonly eventTerm = this.node("eventTerm", EVENT_TERM, (node) => {
    this.OPTION(() => {
      node.bang = this.CONSUME(t.Bang);
    });
    node.item = this.OR({
      DEF: [
        { ALT: () => this.#gap(this.CONSUME(t.Gap)) },
        { ALT: () => this.SUBRULE(this.eventGroup) },
        { ALT: () => this.SUBRULE(this.eventName) },
      ],
      ...due("event"),
    });
    this.OPTION2(() => {
      node.times = this.OR2([
        { ALT: () => SIMPLE_SUFFIXES[this.CONSUME(t.Star).image] ?? ONCE },
        { ALT: () => SIMPLE_SUFFIXES[this.CONSUME(t.Plus).image] ?? ONCE },
        { ALT: () => SIMPLE_SUFFIXES[this.CONSUME(t.Question).image] ?? ONCE },
        { ALT: () => this.SUBRULE(this.eventCount) },
      ]);
    });
  }, ({ bang, item, span, times }): EventPattern => {
    if (bang !== null) return this.#absent(item, times, span);
    if (times === null) return item;
    if (item.kind === "Gap") {
      const message = "`...` takes no suffix: it already matches any number of events";
      this.#patternError(span, message);
      return item;
    }
    return { kind: "Repeat", item, times, span };
  });

  #gap(token: IToken): EventPattern {
    return { kind: "Gap", span: this.context.tokenSpan(token) };
  }

  #absent(item: EventPattern, times: RepeatCount | null, span: Span): EventPattern {
    if (item.kind !== "Event") {
      this.#patternError(span, "`!` is allowed only before the name of one event");
      return item;
    }
    if (times !== null) this.#patternError(span, "`!name` takes no suffix");
    return { kind: "Absent", event: item, span };
  }

  readonly eventName = this.node("eventName", EVENT_NAME, (node) => {
    const { start } = this;
    const words: IToken[] = node.words = [];
    words.push(this.CONSUME(t.Name));
    this.MANY(() => {
      words.push(this.CONSUME(t.Dot));
      words.push(this.OR({
        DEF: [
          { ALT: () => this.CONSUME2(t.Name) },
          { ALT: () => this.CONSUME(t.Star) },
        ],
        ...due("eventRest"),
      }));
    });
    node.nameSpan = this.span(start);
    this.OPTION(() => {
      const fields = this.SUBRULE(this.callArguments);
      this.ACTION(() => node.fields = this.#fields(fields));
    });
  }, ({ fields, nameSpan, span, words }): PatternEvent => {
    const star = words.findIndex((word) => word.tokenType === t.Star);
    if (star >= 0 && star < words.length - 1) {
      const message = "`*` in the middle of an event's name";
      this.errorOn("E0217", words[star]!, message, "`iommu.*` is any name below `iommu`");
    }
    const name = words.map((word) => word.image).join("");
    return { kind: "Event", name, nameSpan: nameSpan ?? span, fields, span };
  });

  #fields(written: readonly Argument[]): readonly PatternField[] {
    const fields: PatternField[] = [];
    for (const { name, value, span } of written) {
      if (name === null) {
        this.error("E0217", span, "A field needs a name", {
          hint: "fields are written `name(field: value)`",
        });
        continue;
      }
      if (!this.#isPlain(value)) {
        const message = "A field takes a literal, a constant, or an expression in parentheses";
        this.error("E0217", value.span, message, { hint: "write `field: (a + b)`" });
      }
      fields.push({ name, value, span });
    }
    return fields;
  }

  /** Whether an expression needs no parentheses, has its own brackets, or is a negative number. */
  #isPlain(value: Expression): boolean {
    if (PLAIN_VALUES.has(value.kind) || this.isEnclosed(value)) return true;
    return value.kind === "Unary" && value.operator === "-" && this.#isPlain(value.operand) &&
      !this.isEnclosed(value.operand);
  }

  readonly eventCount = this.node("eventCount", ITEMS<IToken>, (node) => {
    const bounds: IToken[] = node.items = [];
    this.CONSUME(t.LBrace);
    bounds.push(this.CONSUME(t.NumberToken, due("count")));
    this.OPTION(() => {
      this.CONSUME(t.Comma);
      bounds.push(this.CONSUME2(t.NumberToken, due("countAtMost")));
    });
    this.CONSUME(t.RBrace);
  }, ({ items: bounds, span }): RepeatCount => {
    const [min = 0, max = min] = bounds.map(({ image }) => {
      const number = readNumber(image);
      if (number.kind === "Integer") return number.value;
      if (number.kind !== "problem") {
        const message = `The number of repetitions is a whole number, not \`${image}\``;
        this.#patternError(span, message);
      }
      return 0;
    });
    if (max < min) {
      this.#patternError(span, `The minimum ${min} is greater than the maximum ${max}`);
    }
    return { min, max: Math.max(min, max) };
  });

  #patternError(span: Span, message: string): void {
    this.error("E0217", span, message);
  }
}

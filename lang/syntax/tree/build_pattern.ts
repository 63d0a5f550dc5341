/** Event patterns: `[ iova.alloc, iommu.map+, ... ]`. */
import type { CstNode, IToken } from "chevrotain";
import type { EventPattern, Expression, PatternEvent, PatternField, RepeatCount } from "./ast.ts";
import type { BuildContext } from "./build_context.ts";
import type { ExpressionBuilder } from "./build_expression.ts";
import { childNode, childNodes, children, childToken, isNode, isToken } from "./cst.ts";
import { readNumber } from "./literals.ts";
import * as t from "../tokens.ts";

const SIMPLE_SUFFIXES: Readonly<Record<string, RepeatCount>> = {
  "*": { min: 0, max: Infinity },
  "+": { min: 1, max: Infinity },
  "?": { min: 0, max: 1 },
};

/** Values of fields that need no parentheses. */
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

export class PatternBuilder {
  constructor(readonly context: BuildContext, readonly expressions: ExpressionBuilder) {}

  /** The whole pattern, or a group of it. */
  sequence(node: CstNode | undefined, isTop: boolean): EventPattern {
    const items = node === undefined
      ? []
      : this.context.commaSeparated(children(node, "item"), "an event");
    const span = this.context.nodeSpan(node);
    if (items.length === 0 && node !== undefined && node.recoveredNode !== true) {
      this.#error(node, isTop ? "Pattern without an event" : "Group without an event");
    }
    return { kind: "Sequence", items: items.map((item) => this.#choice(item, isTop)), span };
  }

  #choice(node: CstNode, isTop: boolean): EventPattern {
    const terms = childNodes(node, "eventTerm");
    const [only] = terms;
    if (terms.length === 1) return this.#term(only!, isTop);
    return {
      kind: "Alternatives",
      choices: terms.map((term) => this.#term(term, false)),
      span: this.context.nodeSpan(node),
    };
  }

  #term(node: CstNode, mayBeAbsent: boolean): EventPattern {
    const item = this.#item(node);
    const span = this.context.nodeSpan(node);
    const [suffix] = children(node, "suffix");
    const bang = childToken(node, "Bang");
    if (bang !== undefined) {
      if (item.kind !== "Event") {
        this.#error(node, "`!` is allowed only before the name of one event");
      } else if (!mayBeAbsent) {
        this.#error(node, "`!name` is allowed only at the top level of a pattern");
      } else if (suffix !== undefined) this.#error(node, "`!name` takes no suffix");
      return item.kind === "Event" ? { kind: "Absent", event: item, span } : item;
    }
    if (suffix === undefined) return item;
    if (item.kind === "Gap") {
      this.#error(node, "`...` takes no suffix: it already matches any number of events");
      return item;
    }
    return { kind: "Repeat", item, times: this.#times(suffix), span };
  }

  #item(node: CstNode): EventPattern {
    const gap = childToken(node, "Gap");
    if (gap !== undefined) return { kind: "Gap", span: this.context.tokenSpan(gap) };
    const group = childNode(node, "eventGroup");
    if (group !== undefined) return this.sequence(group, false);
    return this.#event(childNode(node, "eventName") ?? node);
  }

  #event(node: CstNode): PatternEvent {
    const { context } = this;
    const words = children(node, "item").filter(isToken);
    const first = words[0];
    const last = words.at(-1);
    const nameSpan = first === undefined || last === undefined
      ? context.nodeSpan(node)
      : context.span(first.startOffset, t.tokenEnd(last));
    const star = words.findIndex((word) => word.tokenType === t.Star);
    if (star >= 0 && star < words.length - 1) {
      context.errorOn(
        "E0217",
        words[star]!,
        "`*` in the middle of an event's name",
        "`iommu.*` is any name below `iommu`",
      );
    }
    const fields = childNode(node, "callArguments");
    return {
      kind: "Event",
      name: words.map((word) => word.image).join(""),
      nameSpan,
      fields: fields === undefined ? [] : this.#fields(fields),
      span: context.nodeSpan(node),
    };
  }

  #fields(node: CstNode): readonly PatternField[] {
    const fields: PatternField[] = [];
    const values = childNodes(node, "item").map((item) => childNode(item, "expression"));
    for (const [index, { name, value, span }] of this.expressions.callArguments(node).entries()) {
      if (name === null) {
        this.context.reporter.error("E0217", span.start, span.end, "A field needs a name", {
          hint: "fields are written `name(field: value)`",
        });
        continue;
      }
      if (!PLAIN_VALUES.has(value.kind) && !this.#isClosed(values[index])) {
        this.context.reporter.error(
          "E0217",
          value.span.start,
          value.span.end,
          "A field takes a literal, a constant, or an expression in parentheses",
          { hint: "write `field: (a + b)`" },
        );
      }
      fields.push({ name, value, span });
    }
    return fields;
  }

  /** True for what stands in brackets of its own, and for a negative number. */
  #isClosed(node: CstNode | undefined): boolean {
    const parts = node === undefined ? [] : children(node, "part");
    const [operand] = parts;
    if (parts.length !== 1 || !isNode(operand) || children(operand, "suffix").length > 0) {
      return false;
    }
    const prefixes = children(operand, "prefix").filter(isToken);
    if (prefixes.length > 0) {
      return prefixes.every(({ tokenType }) => tokenType === t.Minus) &&
        childToken(operand, "first") !== undefined;
    }
    return childNode(operand, "parentheses") !== undefined ||
      childNode(operand, "list") !== undefined;
  }

  #times(suffix: CstNode | IToken): RepeatCount {
    if (isToken(suffix)) return SIMPLE_SUFFIXES[suffix.image] ?? { min: 1, max: 1 };
    const [min = 0, max = min] = children(suffix, "item").filter(isToken).map((token) => {
      const number = readNumber(token.image);
      if (number.kind === "Integer") return number.value;
      if (number.kind !== "problem") {
        this.#error(suffix, `The number of repetitions is a whole number, not \`${token.image}\``);
      }
      return 0;
    });
    if (max < min) this.#error(suffix, `The minimum ${min} is greater than the maximum ${max}`);
    return { min, max: Math.max(min, max) };
  }

  #error(node: CstNode, message: string): void {
    const { start, end } = this.context.nodeSpan(node);
    this.context.reporter.error("E0217", start, end, message);
  }
}

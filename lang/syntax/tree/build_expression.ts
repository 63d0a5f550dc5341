/** Expressions: from a row of operands and operators to a tree. */
import type { CstNode, IToken } from "chevrotain";
import { spanBetween } from "../../source.ts";
import type {
  Argument,
  Block,
  BranchesExpression,
  Expression,
  FieldExpression,
  IndexExpression,
  LambdaExpression,
  Name,
  PathEntry,
  RecordEntry,
} from "./ast.ts";
import { ownEntry } from "../own_entry.ts";
import type { BuildContext } from "./build_context.ts";
import {
  childNode,
  childNodes,
  children,
  childToken,
  childTokens,
  isNode,
  isToken,
} from "./cst.ts";
import { groupOperands, type Operand } from "./group_operands.ts";
import { readBytes, readNumber, readString } from "./literals.ts";
import * as t from "../tokens.ts";

const OTHER_LANGUAGES_WORDS: Readonly<Record<string, string>> = {
  NULL: "none",
  null: "none",
  nil: "none",
  nullptr: "none",
  None: "none",
  TRUE: "true",
  True: "true",
  FALSE: "false",
  False: "false",
};

/** What the expression builder needs of the one for statements. */
export interface BlockBuilder {
  block(node: CstNode | undefined): Block;
  pathEntries(node: CstNode | undefined): readonly PathEntry[];
  matchPattern(node: CstNode | undefined): Expression | null;
}

export class ExpressionBuilder {
  constructor(readonly context: BuildContext, readonly blocks: BlockBuilder) {}

  /** The expression of a node; `fallback` is where a missing one would stand. */
  expression(node: CstNode | undefined, fallback = 0): Expression {
    if (node === undefined) return this.context.errorAt(node, fallback);
    return this.fromParts(node, 0);
  }

  /** The expression from the given part on: 2 is what stands behind `name =`. */
  fromParts(node: CstNode, from: number): Expression {
    const operands: Operand[] = [];
    const operators: IToken[] = [];
    for (const part of children(node, "part").slice(from)) {
      if (isToken(part)) operators.push(part);
      else operands.push(this.#operand(part));
    }
    const first = operands[0];
    if (first === undefined) return this.context.errorAt(node);
    if (operands.length === 1 && operators.length === 0 && first.prefixes.length === 0) {
      return first.value;
    }
    return groupOperands(operands, operators, this.context);
  }

  /** The name that an expression consists of, or null. */
  plainName(node: CstNode | undefined): IToken | null {
    const parts = node === undefined ? [] : children(node, "part");
    const operand = parts.length === 1 && isNode(parts[0]) ? parts[0] : null;
    return operand === null ? null : this.operandName(operand);
  }

  /** The name that an operand consists of, or null. */
  operandName(operand: CstNode): IToken | null {
    const first = childToken(operand, "first");
    const alone = first !== undefined && t.isA(first, t.Name) &&
      children(operand, "prefix").length === 0 && children(operand, "suffix").length === 0 &&
      childToken(operand, "FatArrow") === undefined;
    return alone ? first : null;
  }

  /** What an operand says can be changed: an entry of something, or an item; null otherwise. */
  place(operand: CstNode): FieldExpression | IndexExpression | null {
    const { isLambda, prefixes, value } = this.#operand(operand);
    if (isLambda || prefixes.length > 0) return null;
    return value.kind === "Field" || value.kind === "Index" ? value : null;
  }

  // -- Operands ---------------------------------------------------------------------------------

  #operand(node: CstNode): Operand {
    const prefixes = children(node, "prefix").filter(isToken);
    return childToken(node, "FatArrow") !== undefined
      ? { prefixes, value: this.#lambda(node), isLambda: true }
      : { prefixes, value: this.#suffixes(node, this.#primary(node)), isLambda: false };
  }

  #primary(node: CstNode): Expression {
    const first = childToken(node, "first");
    if (first !== undefined) {
      return t.isA(first, t.Literal) ? this.literal(first) : this.#nameExpression(first);
    }
    const parentheses = childNode(node, "parentheses");
    if (parentheses !== undefined) return this.#parenthesised(parentheses);
    const list = childNode(node, "list");
    if (list !== undefined) {
      const items = this.context.commaSeparated(children(list, "item"), "a value");
      return {
        kind: "List",
        items: items.map((item) => this.expression(item)),
        span: this.context.nodeSpan(list),
      };
    }
    const record = childNode(node, "record");
    if (record !== undefined) return this.#record(record);
    const trace = childToken(node, "Trace");
    if (trace !== undefined) {
      const body = this.blocks.block(childNode(node, "block"));
      return {
        kind: "Trace",
        body,
        span: spanBetween(this.context.tokenSpan(trace), body.span),
      };
    }
    const branches = childNode(node, "branches");
    if (branches !== undefined) return this.#branches(branches);
    const ifValue = childNode(node, "ifValue");
    if (ifValue !== undefined) return this.#ifValue(ifValue);
    const matchValues = childNode(node, "matchValues");
    if (matchValues !== undefined) return this.#matchValues(matchValues);
    const comparison = childNode(node, "comparison");
    if (comparison !== undefined) {
      return {
        kind: "Compare",
        entries: this.blocks.pathEntries(childNode(comparison, "pathEntries")),
        body: this.blocks.block(childNode(comparison, "block")),
        span: this.context.nodeSpan(comparison),
      };
    }
    return this.context.errorAt(node);
  }

  #nameExpression(token: IToken): Expression {
    const span = this.context.tokenSpan(token);
    const own = ownEntry(OTHER_LANGUAGES_WORDS, token.image);
    if (own !== undefined) {
      this.context.suspect(token.image, () =>
        this.context.errorOn(
          "E0112",
          token,
          `\`${token.image}\` is not a word of this language`,
          `write \`${own}\``,
        ));
    }
    return { kind: "Name", name: token.image, span };
  }

  /** The value of one token: a number, a string, `true` … */
  literal(token: IToken): Expression {
    const span = this.context.tokenSpan(token);
    switch (token.tokenType) {
      case t.NumberToken: {
        const number = readNumber(token.image);
        switch (number.kind) {
          case "problem":
            return { kind: "ErrorExpression", span };
          case "Size":
            return { kind: "Size", valueBytes: number.value, span };
          case "Duration":
            return { kind: "Duration", valueNs: number.value, span };
          case "Address":
            return {
              kind: "Cast",
              operand: { kind: "Integer", value: number.value, span },
              target: { text: "dma", span },
              span,
            };
          default:
            return { kind: number.kind, value: number.value, span };
        }
      }
      case t.Text: {
        const { parts } = readString(token.image);
        return {
          kind: "String",
          parts: parts.map((part) =>
            "text" in part ? part.text : this.context.parseInsertion(
              token.startOffset + part.start,
              token.startOffset + part.end,
            )
          ),
          span,
        };
      }
      case t.Bytes: {
        const bytes = readBytes(token.image);
        return bytes instanceof Uint8Array
          ? { kind: "Bytes", bytes, span }
          : { kind: "ErrorExpression", span };
      }
      case t.Hard.true:
      case t.Hard.false:
        return { kind: "Boolean", value: token.tokenType === t.Hard.true, span };
      case t.Hard.none:
        return { kind: "None", span };
      default:
        return { kind: "ErrorExpression", span };
    }
  }

  #parenthesised(node: CstNode): Expression {
    const { context } = this;
    const span = context.nodeSpan(node);
    const items = children(node, "item");
    const [only] = items;
    if (items.length === 1 && isNode(only)) return { ...this.expression(only), span };
    if (node.recoveredNode !== true) {
      const entries = items.filter(isNode);
      context.reporter.error(
        entries.length === 0 ? "E0202" : "E0201",
        span.start,
        span.end,
        entries.length === 0 ? "Nothing between the parentheses" : "A list is written in brackets",
        { hint: entries.length === 0 ? "a value is expected here" : "write `[a, b]`" },
      );
    }
    return { kind: "ErrorExpression", span };
  }

  /** `if`, `else if` and `else` lie flat in the node: conditions, blocks and the words between. */
  #ifValue(node: CstNode): Expression {
    const { context } = this;
    const span = context.nodeSpan(node);
    const parts = children(node, "branch").filter(isNode);
    let otherwise: Expression | null = null;
    // From the last block to the first: each is the other way of the one before it.
    while (parts.length > 0) {
      const block = parts.pop()!;
      const value = this.expression(childNode(block, "expression"), context.nodeSpan(block).end);
      const condition = parts.at(-1);
      if (condition?.name !== "expression") {
        if (otherwise !== null) this.#reportElse(value);
        otherwise = value;
        continue;
      }
      parts.pop();
      const start = context.nodeSpan(condition).start;
      otherwise = {
        kind: "IfValue",
        condition: this.expression(condition),
        then: value,
        otherwise: otherwise ?? this.#missingElse(node),
        span: parts.length === 0 ? span : context.span(start, span.end),
      };
    }
    return otherwise ?? context.errorAt(node);
  }

  #reportElse({ span }: Expression): void {
    this.context.reporter.error("E0201", span.start, span.end, "`else` after `else`", {
      hint: "only the last branch has no condition; write the others as `else if`",
    });
  }

  #missingElse(node: CstNode): Expression {
    const { context } = this;
    const { end } = context.nodeSpan(node);
    if (node.recoveredNode !== true) {
      context.reporter.error("E0224", end, end, "An `if` used as a value has no `else`", {
        label: "expected `else { … }` here",
        hint:
          "it has no value when the condition is false: write `else { none }` if that is intended",
      });
    }
    return context.errorAt(undefined, end);
  }

  #matchValues(node: CstNode): Expression {
    const { context } = this;
    const span = context.nodeSpan(node);
    return {
      kind: "MatchValue",
      subject: this.expression(childNode(node, "expression"), span.end),
      arms: context.separated(children(node, "item")).map((arm) => ({
        pattern: this.blocks.matchPattern(childNode(arm, "matchPattern")),
        value: this.expression(childNode(arm, "expression"), context.nodeSpan(arm).end),
        span: context.nodeSpan(arm),
      })),
      span,
    };
  }

  #record(node: CstNode): Expression {
    return {
      kind: "Record",
      entries: this.#recordEntries(node),
      span: this.context.nodeSpan(node),
    };
  }

  #recordEntries(node: CstNode): readonly RecordEntry[] {
    const { context } = this;
    const entries: RecordEntry[] = [];
    const seen = new Map<string, Name>();
    for (const entry of context.separated(children(node, "item"))) {
      const key = childToken(entry, "name");
      if (key === undefined) continue;
      const assign = childToken(entry, "Assign");
      if (assign !== undefined) {
        this.context.errorOn(
          "E0210",
          assign,
          "Expected `:` after a record's key, found `=`",
          "write `:` between a key and its value",
        );
      }
      const name = context.name(key);
      const value = this.expression(childNode(entry, "expression"), name.span.end);
      if (seen.has(name.text)) this.reportTwice(name, seen.get(name.text)!);
      seen.set(name.text, name);
      entries.push({ key: name, value, span: context.nodeSpan(entry) });
    }
    return entries;
  }

  /** Reports a key that stands twice. */
  reportTwice(second: Name, first: Name): void {
    this.context.reporter.error(
      "E0216",
      second.span.start,
      second.span.end,
      `Key given twice: \`${second.text}\``,
      { related: [{ span: first.span, message: "first given here" }] },
    );
  }

  #branches(node: CstNode): BranchesExpression {
    const word = childToken(node, "BranchingWord");
    return {
      kind: word?.tokenType === t.Soft.race ? "Race" : "Fork",
      branches: childNodes(node, "block").map((block) => this.blocks.block(block)),
      span: this.context.nodeSpan(node),
    };
  }

  // -- Suffixes ---------------------------------------------------------------------------------

  #suffixes(node: CstNode, primary: Expression): Expression {
    let value = primary;
    const suffixes = children(node, "suffix");
    for (let at = 0; at < suffixes.length; at++) {
      const suffix = suffixes[at]!;
      const span = spanBetween(value.span, this.context.elementSpan(suffix));
      if (isNode(suffix)) {
        value = suffix.name === "record"
          ? { kind: "CopyWith", object: value, entries: this.#recordEntries(suffix), span }
          : suffix.name === "index"
          ? {
            kind: "Index",
            object: value,
            index: this.expression(childNode(suffix, "expression"), span.end),
            span,
          }
          : { kind: "Call", callee: value, arguments: this.callArguments(suffix), span };
        continue;
      }
      if (suffix.tokenType === t.CopyWith && isNode(suffixes[at + 1])) continue;
      const word = suffixes[++at];
      if (!isToken(word) || word.isInsertedInRecovery === true) {
        return { kind: "ErrorExpression", span };
      }
      const name = this.context.name(word);
      value = suffix.tokenType === t.Dot
        ? { kind: "Field", object: value, field: name, span: spanBetween(span, name.span) }
        : { kind: "Cast", operand: value, target: name, span: spanBetween(span, name.span) };
    }
    return value;
  }

  /** The arguments of a call, or the fields of an event. */
  callArguments(node: CstNode): readonly Argument[] {
    const result: Argument[] = [];
    for (const item of this.context.commaSeparated(children(node, "item"), "an argument")) {
      const argument = this.#argument(item);
      if (argument.name === null && result.at(-1)?.name != null) {
        const { start, end } = argument.span;
        this.context.reporter.error(
          "E0215",
          start,
          end,
          "Positional argument after a named one",
          { hint: "positional arguments come first; name this one too" },
        );
      }
      result.push(argument);
    }
    return result;
  }

  #argument(node: CstNode): Argument {
    const span = this.context.nodeSpan(node);
    const expression = childNode(node, "expression");
    const label = childToken(node, "Label");
    if (label === undefined && expression !== undefined) {
      const [first, operator] = children(expression, "part");
      const name = isNode(first) ? this.operandName(first) : null;
      if (name !== null && isToken(operator) && operator.tokenType === t.Assign) {
        this.context.errorOn(
          "E0210",
          operator,
          "`=` in an argument",
          `write \`${name.image}: …\` for a named argument, \`==\` to compare`,
        );
        return { name: this.context.name(name), value: this.fromParts(expression, 2), span };
      }
    }
    return {
      name: label === undefined ? null : this.context.name(label),
      value: this.expression(expression, span.end),
      span,
    };
  }

  // -- Lambdas ----------------------------------------------------------------------------------

  #lambda(node: CstNode): LambdaExpression {
    const { context } = this;
    const start = childToken(node, "first")?.startOffset ??
      context.nodeSpan(childNode(node, "parentheses") ?? node).start;
    const arrow = childToken(node, "FatArrow")!;
    const body = this.expression(childNode(node, "expression"), context.nodeSpan(node).end);
    const parameters: Name[] = [];
    for (const token of this.#lambdaParameters(node)) {
      if (isToken(token)) parameters.push(context.declare(token));
      else {
        const span = context.nodeSpan(token);
        const end = Math.min(span.end, arrow.startOffset);
        const written = context.source.text.slice(span.start, end).trimEnd();
        const isField = childTokens(node, "suffix").some(({ tokenType }) => tokenType === t.Dot);
        context.reporter.error(
          "E0220",
          span.start,
          span.start + written.length,
          "A parameter must be a name",
          {
            hint: isField
              ? "pass a function in parentheses: `list.map(x => e)`"
              : "a function is written `x => e` or `(a, b) => e`; the comparison is `>=`",
          },
        );
      }
    }
    // Where it has no body, it ends at its arrow.
    const end = Math.max(t.tokenEnd(arrow), body.span.end);
    return { kind: "Lambda", parameters, body, span: context.span(start, end) };
  }

  /** Names, and nodes that are none. */
  #lambdaParameters(node: CstNode): readonly (IToken | CstNode)[] {
    if (children(node, "suffix").length > 0) return [node];
    const first = childToken(node, "first");
    if (first !== undefined) return t.isA(first, t.Name) ? [first] : [node];
    const parentheses = childNode(node, "parentheses");
    if (parentheses === undefined) return [node];
    return this.context.commaSeparated(children(parentheses, "item"), "a parameter")
      .map((item) => this.plainName(item) ?? item);
  }
}

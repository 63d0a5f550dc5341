/**
 * From the concrete syntax tree to the typed one: files, blocks and statements.
 *
 * Only the builders (`build_*.ts` and this one) see the nodes of the parser. Where a node was
 * recovered and a part is missing, an `ErrorStatement` or `ErrorExpression` stands in; the parser
 * has reported it already. Mistakes that the grammar takes on purpose are reported here.
 */
import type { CstNode, IToken, TokenType } from "chevrotain";
import { type Span, spanBetween } from "../../source.ts";
import type { DmaParser } from "../parser.ts";
import type {
  Block,
  ExpectedOutcome,
  Expression,
  IfStatement,
  MatchArm,
  Name,
  OutcomeKind,
  PathEntry,
  Statement,
} from "./ast.ts";
import type { BuildContext } from "./build_context.ts";
import { DeclarationBuilder, isDeclarationRule } from "./build_declarations.ts";
import { ExpressionBuilder } from "./build_expression.ts";
import { PatternBuilder } from "./build_pattern.ts";
import {
  childNode,
  childNodes,
  children,
  childToken,
  childTokens,
  isNode,
  isToken,
} from "./cst.ts";
import {
  explainNoStatement,
  explainUnknownWord,
  suspectCalledWord,
} from "../recovery/statement_hints.ts";
import * as t from "../tokens.ts";
import { reportRecord } from "../words.ts";

const OUTCOMES: ReadonlyMap<TokenType, OutcomeKind> = new Map([
  [t.Soft.error, "error"],
  [t.Soft.fault, "fault"],
  [t.Soft.warning, "warning"],
  [t.Soft.fails, "error"],
  [t.Soft.faults, "fault"],
  [t.Soft.warns, "warning"],
]);

/** The grammar's rules for statements, besides declarations. */
type StatementRule =
  | Extract<keyof DmaParser, `${string}Statement`>
  | "misplacedRecord"
  | "strayBraces";

/** Statements that are a word and nothing else. */
const LONE_WORDS: ReadonlyMap<TokenType, "Break" | "Continue"> = new Map([
  [t.Soft.break, "Break"],
  [t.Soft.continue, "Continue"],
]);

/** Expressions that do something by themselves. */
const ACTIONS: ReadonlySet<Expression["kind"]> = new Set([
  "Call",
  "Trace",
  "Fork",
  "Race",
  "Compare",
  "ErrorExpression",
]);

/** One branch of an `if`; the condition of `else` is null. */
interface Branch {
  readonly start: number;
  readonly condition: Expression | null;
  readonly block: Block;
}

export class AstBuilder {
  readonly expressions: ExpressionBuilder;
  readonly patterns: PatternBuilder;
  readonly declarations: DeclarationBuilder;
  #depth = 0;

  constructor(readonly context: BuildContext) {
    this.expressions = new ExpressionBuilder(context, this);
    this.patterns = new PatternBuilder(context, this.expressions);
    this.declarations = new DeclarationBuilder(context, this);
  }

  /** The statements of a file, or of a part of it. */
  file(node: CstNode): readonly Statement[] {
    return childNodes(node, "statement").map((statement) => this.statement(statement));
  }

  block(node: CstNode | undefined): Block {
    this.#depth++;
    const statements = node === undefined
      ? []
      : childNodes(node, "statement").map((statement) => this.statement(statement));
    this.#depth--;
    return { statements, span: this.context.nodeSpan(node) };
  }

  pathEntries(node: CstNode | undefined): readonly PathEntry[] {
    return this.declarations.pathEntries(node);
  }

  /** The expression child of a node; where it is missing, an error stands behind the node. */
  value(node: CstNode): Expression {
    const expression = childNode(node, "expression");
    return this.expressions.expression(expression, this.context.nodeSpan(node).end);
  }

  /** A declared name; a missing one is empty, in a file that is never run. */
  declaredName(node: CstNode): Name {
    const token = childToken(node, "name");
    if (token !== undefined) return this.context.declare(token);
    const { end } = this.context.nodeSpan(node);
    return { text: "", span: this.context.span(end, end) };
  }

  statement(node: CstNode): Statement {
    const [key] = Object.keys(node.children);
    const child = key === undefined ? undefined : children(node, key)[0];
    const span = this.context.nodeSpan(node);
    if (child === undefined) return { kind: "ErrorStatement", span };
    if (isToken(child)) {
      return { kind: LONE_WORDS.get(child.tokenType) ?? "ErrorStatement", span };
    }
    if (isDeclarationRule(child.name)) {
      if (this.#depth > 0) this.#reportNested(child);
      return this.declarations.declaration(child, child.name);
    }
    return this.#statement(child, child.name as StatementRule);
  }

  #statement(node: CstNode, rule: StatementRule): Statement {
    const { context } = this;
    const span = context.nodeSpan(node);
    switch (rule) {
      case "letStatement": {
        const value = this.value(node);
        return { kind: "Let", name: this.declaredName(node), value, span };
      }
      case "assertStatement": {
        const message = childToken(node, "Literal");
        return {
          kind: "Assert",
          condition: this.value(node),
          message: message === undefined ? null : this.expressions.literal(message),
          span,
        };
      }
      case "ifStatement":
        return this.#if(node);
      case "whileStatement":
        return { kind: "While", condition: this.value(node), body: this.#body(node), span };
      case "forStatement": {
        const name = this.declaredName(node);
        return { kind: "For", name, values: this.value(node), body: this.#body(node), span };
      }
      case "repeatStatement":
        return { kind: "Repeat", count: this.value(node), body: this.#body(node), span };
      case "matchStatement":
        return { kind: "Match", subject: this.value(node), arms: this.#arms(node), span };
      case "returnStatement": {
        const value = childNode(node, "expression");
        return {
          kind: "Return",
          value: value === undefined ? null : this.expressions.expression(value),
          span,
        };
      }
      case "expectStatement":
        return this.#expect(node);
      case "outputStatement": {
        const verb = childToken(node, "OutputVerb");
        const value = this.value(node);
        return {
          kind: "Output",
          verb: verb?.tokenType === t.Soft.show
            ? "show"
            : verb?.tokenType === t.Soft.explain
            ? "explain"
            : "print",
          value,
          span,
        };
      }
      case "stepStatement": {
        const expression = childNode(node, "expression");
        const value = expression === undefined ? null : this.expressions.expression(expression);
        const isUntil = childToken(node, "Until") !== undefined;
        return {
          kind: "Step",
          count: isUntil ? null : value,
          until: isUntil ? value ?? context.errorAt(undefined, span.end) : null,
          span,
        };
      }
      case "waitStatement":
        return { kind: "Wait", subject: this.value(node), span };
      case "advanceStatement":
        return { kind: "Advance", duration: this.value(node), span };
      case "onStatement":
        return { kind: "OnCpu", cpu: this.value(node), body: this.#body(node), span };
      case "failStatement":
        return this.#fail(node);
      case "invariantStatement": {
        const name = this.declarations.plainText(
          childToken(node, "name"),
          "The name of an invariant",
        );
        return { kind: "Invariant", name, condition: this.value(node), span };
      }
      case "unknownStatement":
        explainUnknownWord(node, context);
        return { kind: "ErrorStatement", span };
      case "strayBraces":
        context.reporter.error(
          "E0206",
          span.start,
          span.start + 1,
          "No statement begins with `{`",
          {
            hint: "a block follows a keyword such as `test`, `if` or `repeat`; " +
              "a record is a value and goes after `=`, `:`, `(` or `,`",
          },
        );
        return { kind: "ErrorStatement", span };
      case "misplacedRecord": {
        const label = childToken(node, "Label");
        if (label !== undefined) reportRecord(label, context.reporter);
        return { kind: "ErrorStatement", span };
      }
      case "expressionStatement":
        return this.#expressionStatement(node);
      default:
        rule satisfies never;
        return { kind: "ErrorStatement", span };
    }
  }

  #body(node: CstNode): Block {
    return this.block(childNode(node, "block"));
  }

  /** `if`, `else if` and `else` lie flat in the node, so that a long chain costs no depth there. */
  #if(node: CstNode): IfStatement {
    const { context } = this;
    const whole = context.nodeSpan(node);
    const parts = children(node, "branch");
    const branches: Branch[] = [];
    let start = whole.start;
    let condition: Expression | null = null;
    for (const part of parts) {
      if (isToken(part)) {
        this.#checkElse(part, branches.at(-1)?.condition === null);
        condition = null;
        start = t.tokenEnd(part);
      } else if (part.name === "expression") {
        condition = this.expressions.expression(part);
        this.#checkCondition(condition);
        if (branches.length > 0) start = this.#ifBefore(node, condition.span.start);
      } else {
        branches.push({ start, condition, block: this.block(part) });
      }
    }
    const nothing = context.span(whole.end, whole.end);
    const first = branches.shift();
    let otherwise: Block | IfStatement | null = null;
    for (const branch of branches.reverse()) otherwise = this.#otherwise(branch, otherwise);
    return {
      kind: "If",
      condition: first?.condition ?? condition ?? context.errorAt(undefined, whole.end),
      then: first?.block ?? { statements: [], span: nothing },
      otherwise,
      span: whole,
    };
  }

  #otherwise(branch: Branch, rest: Block | IfStatement | null): Block | IfStatement {
    const { condition, block, start } = branch;
    if (condition === null) return block;
    const span = this.context.span(start, rest?.span.end ?? block.span.end);
    return { kind: "If", condition, then: block, otherwise: rest, span };
  }

  /** Where the `if` of an `else if` stands. */
  #ifBefore(node: CstNode, offset: number): number {
    const words = childTokens(node, "If").filter((word) => word.startOffset < offset);
    return words.at(-1)?.startOffset ?? offset;
  }

  #checkElse(word: IToken, isSecond: boolean): void {
    if (!isSecond) return;
    this.context.errorOn(
      "E0201",
      word,
      "`else` after `else`",
      "only the last branch has no condition; write the others as `else if`",
    );
  }

  #checkCondition(condition: Expression): void {
    if (condition.kind !== "Lambda") return;
    const { start, end } = condition.span;
    this.context.reporter.error("E0220", start, end, "A function cannot be a condition", {
      hint: "`=>` makes a function; the comparison is `>=`",
    });
  }

  #arms(node: CstNode): readonly MatchArm[] {
    const body = childNode(node, "matchBody");
    if (body === undefined) return [];
    return this.context.separated(children(body, "item")).map((arm) => {
      const pattern = this.matchPattern(childNode(arm, "matchPattern"));
      const block = childNode(arm, "block");
      const statement = childNode(arm, "statement");
      return {
        pattern,
        body: block !== undefined || statement === undefined
          ? this.block(block)
          : this.#single(statement),
        span: this.context.nodeSpan(arm),
      };
    });
  }

  /** One statement as the body of an arm. */
  #single(node: CstNode): Block {
    this.#depth++;
    const statement = this.statement(node);
    this.#depth--;
    return { statements: [statement], span: statement.span };
  }

  matchPattern(node: CstNode | undefined): Expression | null {
    const [first, last] = node === undefined ? [] : childNodes(node, "matchValue");
    const range = childToken(node, "Range");
    const firstValue = this.#matchValue(first, range !== undefined);
    if (range === undefined || firstValue === null) return firstValue;
    const lastValue = this.#matchValue(last, true) ??
      this.context.errorAt(undefined, t.tokenEnd(range));
    return {
      kind: "Range",
      first: firstValue,
      last: lastValue,
      inclusive: range.image === "..=",
      span: spanBetween(firstValue.span, lastValue.span),
    };
  }

  #matchValue(node: CstNode | undefined, inRange: boolean): Expression | null {
    const { context } = this;
    const token = childToken(node, "first");
    if (token === undefined) return context.errorAt(node);
    const minus = childToken(node, "Minus");
    if (token.image === "_") {
      if (!inRange && minus === undefined) return null;
      context.errorOn(
        "E0222",
        token,
        "`_` in a range",
        "`_` matches anything else and is a pattern of its own",
      );
      return context.errorAt(node);
    }
    const span = context.tokenSpan(token);
    const value: Expression = t.isA(token, t.Name)
      ? { kind: "Name", name: token.image, span }
      : this.expressions.literal(token);
    if (value.kind === "String" && value.parts.some((part) => typeof part !== "string")) {
      context.errorOn(
        "E0222",
        token,
        "`{…}` in a pattern",
        "a pattern is a literal; write a brace as `\\{`",
      );
    }
    return minus === undefined
      ? value
      : { kind: "Unary", operator: "-", operand: value, span: context.nodeSpan(node) };
  }

  #expect(node: CstNode): Statement {
    const span = this.context.nodeSpan(node);
    const noun = childToken(node, "OutcomeNoun");
    if (noun !== undefined) {
      const expected = this.#outcome(noun, childToken(node, "name"));
      return { kind: "ExpectOutcome", expected, body: this.#body(node), span };
    }
    if (childToken(node, "Events") === undefined) return { kind: "ErrorStatement", span };
    return {
      kind: "ExpectEvents",
      pattern: this.patterns.sequence(childNode(node, "eventPattern"), true),
      subject: this.value(node),
      span,
    };
  }

  #outcome(word: IToken, code: IToken | undefined): ExpectedOutcome {
    const { context } = this;
    const end = t.tokenEnd(word);
    const name = code === undefined
      ? { text: "", span: context.span(end, end) }
      : context.name(code);
    return {
      outcome: OUTCOMES.get(word.tokenType) ?? "error",
      code: name,
      span: spanBetween(context.tokenSpan(word), name.span),
    };
  }

  #fail(node: CstNode): Statement {
    const { context } = this;
    const span = context.nodeSpan(node);
    const point = childTokens(node, "point");
    const [first] = point;
    const nth = childNode(node, "expression");
    const error = childToken(node, "name");
    return {
      kind: "Fail",
      point: first === undefined ? null : {
        text: point.map((word) => word.image).join("."),
        span: context.span(first.startOffset, t.tokenEnd(point.at(-1)!)),
      },
      nth: nth === undefined ? null : this.expressions.expression(nth),
      error: error === undefined ? null : context.name(error),
      body: this.#body(node),
      span,
    };
  }

  #expressionStatement(node: CstNode): Statement {
    const { context } = this;
    const span = context.nodeSpan(node);
    const row = childNode(node, "expression");
    if (row === undefined) return { kind: "ErrorStatement", span };
    const leading = childToken(node, "LeadingOperator");
    const [first, operator] = children(row, "part");
    const verb = childToken(node, "OutcomeVerb");
    const expected = verb === undefined ? null : this.#outcome(verb, childToken(node, "name"));
    if (
      isToken(operator) && (operator.tokenType === t.Assign || operator.tokenType === t.PlusAssign)
    ) {
      if (expected !== null) this.#reportOutcome(expected);
      const assignment = this.#assignment(first, operator, row);
      return leading === undefined ? assignment : this.#leadingOperator(leading, span);
    }
    const before = context.reporter.diagnostics.length;
    const expression = this.expressions.expression(row);
    const isSound = context.reporter.diagnostics.length === before;
    if (leading !== undefined) return this.#leadingOperator(leading, span);
    const isCalledWord = isNode(first) && suspectCalledWord(first, operator === undefined, context);
    if (expected !== null) {
      if (expression.kind !== "Call" && expression.kind !== "ErrorExpression") {
        this.#reportOutcome(expected);
      }
    } else if (isSound && !ACTIONS.has(expression.kind) && !isCalledWord && !this.#isRepl) {
      explainNoStatement(expression, context);
    }
    return { kind: "Expression", expression, expected, span };
  }

  #leadingOperator(operator: IToken, span: Span): Statement {
    this.context.errorOn(
      "E0207",
      operator,
      `Line that begins with \`${operator.image}\``,
      "a statement ends at the end of its line: put the operator on the line before",
    );
    return { kind: "ErrorStatement", span };
  }

  /** Only the top level of the REPL takes any expression. */
  get #isRepl(): boolean {
    return this.context.mode === "repl" && this.#depth === 0;
  }

  #assignment(
    target: CstNode | IToken | undefined,
    operator: IToken,
    row: CstNode,
  ): Statement {
    const { context } = this;
    const span = context.nodeSpan(row);
    const value = this.expressions.fromParts(row, 2);
    const name = isNode(target) ? this.expressions.operandName(target) : null;
    const sign = operator.tokenType === t.PlusAssign ? "+=" : "=";
    const place = isNode(target) && name === null ? this.expressions.place(target) : null;
    if (place !== null) {
      const operatorSpan = context.tokenSpan(operator);
      return { kind: "Change", place, operator: sign, operatorSpan, value, span };
    }
    if (name === null) {
      const what = target === undefined
        ? "this"
        : context.source.text.slice(span.start, operator.startOffset).trim();
      context.errorOn(
        "E0210",
        operator,
        `Cannot assign to \`${what}\``,
        "only names, entries of records and items of lists can be assigned; `==` compares",
      );
      return { kind: "ErrorStatement", span };
    }
    return {
      kind: "Assign",
      target: context.name(name),
      operator: sign,
      value,
      span,
    };
  }

  #reportOutcome({ span, outcome }: ExpectedOutcome): void {
    const word = this.context.source.text.slice(span.start, span.end).split(/\s/)[0];
    this.context.reporter.error(
      "E0219",
      span.start,
      span.end,
      `\`${word}\` must follow a call that is a statement by itself`,
      { hint: outcome === "error" ? "`try f(…)` is a value with `.ok` and `.error`" : undefined },
    );
  }

  #reportNested(node: CstNode): void {
    const word = childToken(node, Object.keys(node.children)[0]!);
    if (word === undefined) return;
    this.context.errorOn(
      "E0213",
      word,
      `\`${word.image}\` belongs at the top level of a file, not in a block`,
      word.tokenType === t.Hard.const
        ? "in a block write `let`"
        : word.tokenType === t.Hard.fn
        ? "move it out, or write a function as a value: `let f = x => …`"
        : undefined,
    );
  }
}

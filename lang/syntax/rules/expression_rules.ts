/** The rules of expressions: rows of operands and operators, grouped by their precedences. */
import type { IOrAlt, IToken, OrMethodOpts, ParserMethod } from "chevrotain";
import type { Span } from "../../source.ts";
import { byWord, ownEntry } from "../own_entry.ts";
import type { Draft } from "../recovery/recovering_parser.ts";
import * as t from "../tokens.ts";
import type * as ast from "../tree/ast.ts";
import { groupOperands, type Operand } from "../tree/group_operands.ts";
import { readBytes, readNumber, readString } from "../tree/literals.ts";
import { EXPRESSIONS, NO_SPAN, NO_VALUE, NONE, objectOf, PARTS } from "../tree/nodes.ts";
import { BLOCK_START, due, FIRST_WINS, RuleTools } from "./rule_tools.ts";

const { Hard, Soft } = t;
const FIELD_NAME = due("fieldName");
const CAST = due("cast");
/**
 * Passed to the rule `expression` where `=` may be the first operator of the row, with the assigned
 * value after it.
 */
export const MAY_ASSIGN: { ARGS: [boolean] } = { ARGS: [true] };

/** Literals in the spelling of other languages. */
const OTHER_LANGUAGES_LITERALS = byWord([
  ["NULL null nil nullptr None", "none"],
  ["TRUE True", "true"],
  ["FALSE False", "false"],
]);

interface ReadOperand extends Operand {
  readonly span: Span;
}

/** The operands and operators of an expression. */
export interface OperandRow {
  readonly operands: readonly ReadOperand[];
  readonly operators: readonly IToken[];
  readonly span: Span;
}

/** The items and commas of `( … )`, which is a value or the parameters of a lambda. */
type Parentheses = Items<IToken | ast.Expression>;

type Primary = ast.Expression | IToken | Parentheses;

/** The part before the arrow of a lambda. */
interface LambdaHead {
  readonly start: number;
  readonly parameters: readonly ast.Name[];
}

/** One value of a pattern, as tokens. */
interface ArmValue {
  readonly minus: IToken | null;
  readonly token: IToken | null;
  readonly span: Span;
}

interface ArmPattern {
  readonly first: ArmValue | null;
  readonly range: IToken | null;
  readonly last: ArmValue | null;
  readonly span: Span;
}

/** A list in brackets. */
export interface Items<T> {
  readonly items: readonly T[];
  readonly span: Span;
}

interface Bracketed {
  readonly value: ast.Expression;
  readonly span: Span;
}

/** One block of an `if` that is a value; the condition of `else` is null. */
interface ValueBranch {
  readonly condition: ast.Expression | null;
  readonly value: ast.Expression;
}

// What a rule collects before it makes a node, with its initial parts.
export const ITEMS = <T>(): Items<T> => ({ items: NONE, span: NO_SPAN });
const EXPRESSION = (): OperandRow => ({ operands: NONE, operators: NONE, span: NO_SPAN });
const OPERAND = (): ReadOperand => ({
  prefixes: NONE,
  value: NO_VALUE,
  isLambda: false,
  span: NO_SPAN,
});
export const BRACKETED = (): Bracketed => ({ value: NO_VALUE, span: NO_SPAN });
const MATCH_PATTERN = (): ArmPattern => ({ first: null, range: null, last: null, span: NO_SPAN });
const MATCH_VALUE = (): ArmValue => ({ minus: null, token: null, span: NO_SPAN });

export abstract class ExpressionRules extends RuleTools {
  abstract readonly block: ParserMethod<[], ast.Block>;
  abstract readonly pathEntries: ParserMethod<[], readonly ast.PathEntry[]>;

  /** The row of the expression that was parsed last. */
  protected row: OperandRow | null = null;
  /** Values in their own parentheses. */
  readonly #enclosed = new WeakSet<ast.Expression>();
  /**
   * The operand while its suffixes are parsed. It is a field, so that the alternatives of the rule
   * are built only once.
   */
  #operand: Draft<ReadOperand> = OPERAND();
  #primaryWays: OrMethodOpts<Primary> | null = null;
  #suffixWays: IOrAlt<void>[] | null = null;

  readonly expression = this.node("expression", EXPRESSION, (row) => {
    // The list begins with one item and no reserve, because most rows have one operand.
    const operands: ReadOperand[] = row.operands = [this.SUBRULE(this.operand)];
    const operators: IToken[] = row.operators = [];
    this.MANY(() => {
      operators.push(this.CONSUME(t.InfixOperator));
      operands.push(this.SUBRULE2(this.operand));
    });
  }, (row, torn, mayAssign: boolean): ast.Expression => {
    const { operators } = row;
    this.row = row;
    if (torn !== null) row.operands = [...row.operands, torn as ReadOperand];
    const { operands } = row;
    const [first] = operands;
    if (operators.length === 0 && first!.prefixes.length === 0) return first!.value;
    const from = mayAssign === true && isAssignment(operators[0]) ? 1 : 0;
    return groupOperands(operands.slice(from), operators.slice(from), this.context);
  });

  /** The expression between the braces of `{expr}` in a string. */
  readonly insertion = this.rule(
    "insertion",
    (): ast.Expression => this.SUBRULE(this.expression),
    (torn) => torn as ast.Expression ?? this.errorExpression(),
  );

  // -- Operands ---------------------------------------------------------------------------------

  readonly operand = this.node("operand", OPERAND, (operand) => {
    this.MANY(() => {
      operand.prefixes = [...operand.prefixes, this.CONSUME(t.PrefixOperator)];
    });
    const { start } = this;
    const primary = this.OR(this.#primaryWays ??= this.#makePrimaryWays());
    const bare = operand.value = this.#primaryValue(primary, start);
    this.MANY2(() => {
      this.#operand = operand;
      this.OR2(this.#suffixWays ??= this.#makeSuffixWays());
    });
    this.OPTION(() => {
      const parameters = this.#parametersBefore(this.start, primary, bare, operand.value);
      operand.isLambda = true;
      operand.value = NO_VALUE;
      operand.value = this.SUBRULE(this.lambda, { ARGS: [{ start, parameters }] });
    });
  }, (operand, torn) => {
    const { value } = operand;
    // After an error, a call keeps the arguments parsed so far.
    if (Array.isArray(torn) && value.kind === "Call") operand.value = { ...value, arguments: torn };
    return operand;
  });

  #makePrimaryWays(): OrMethodOpts<Primary> {
    return {
      DEF: [
        { ALT: () => this.literal(this.CONSUME(t.Literal)) },
        { ALT: () => this.#trace(), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.branches), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.comparison), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.ifValue) },
        { ALT: () => this.SUBRULE(this.matchValues) },
        { ALT: () => this.CONSUME(t.Name) },
        { ALT: () => this.SUBRULE(this.parentheses) },
        { ALT: () => this.SUBRULE(this.list) },
        { ALT: () => this.SUBRULE(this.record) },
      ],
      ...due("value"),
    };
  }

  #trace(): ast.Expression {
    const { startOffset } = this.CONSUME(Soft.trace);
    const body = this.SUBRULE(this.block);
    return { kind: "Trace", body, span: this.span(startOffset) };
  }

  /** The part before the suffixes, as a value. The parameters of a lambda are not a value. */
  #primaryValue(primary: Primary, start: number): ast.Expression {
    if (this.RECORDING_PHASE) return NO_VALUE;
    const beginsLambda = this.LA(1).tokenType === t.FatArrow;
    if (isToken(primary)) {
      if (!beginsLambda) this.#suspectForeign(primary);
      return { kind: "Name", name: primary.image, span: this.context.tokenSpan(primary) };
    }
    if (!isParentheses(primary)) return primary;
    const { items, span } = primary;
    const [only] = items;
    if (items.length === 1 && !isToken(only!)) {
      const value = { ...only!, span };
      this.#enclosed.add(value);
      return value;
    }
    if (beginsLambda) return { kind: "ErrorExpression", span };
    const whole = this.context.span(start, span.end);
    if (items.every(isToken)) {
      this.error("E0202", whole, "Nothing between the parentheses", {
        hint: "a value is expected here",
      });
    } else this.error("E0201", whole, "A list is written in brackets", { hint: "write `[a, b]`" });
    return { kind: "ErrorExpression", span };
  }

  #suspectForeign(token: IToken): void {
    const own = ownEntry(OTHER_LANGUAGES_LITERALS, token.image);
    if (own === undefined) return;
    const { reporter } = this.context;
    const message = `\`${token.image}\` is not a word of this language`;
    const report = () => reporter.errorOn("E0112", token, message, `write \`${own}\``);
    this.context.suspect(token.image, report);
  }

  #makeSuffixWays(): IOrAlt<void>[] {
    const from = ({ span: { start } }: ast.Expression) => this.span(start);
    return [
      {
        ALT: () => {
          const operand = this.#operand;
          this.CONSUME(t.Dot);
          const field = this.name(this.CONSUME2(t.Name, FIELD_NAME));
          const object = operand.value;
          operand.value = { kind: "Field", object, field, span: from(object) };
        },
      },
      {
        ALT: () => {
          const operand = this.#operand;
          const callee = operand.value;
          // If an error occurs in an argument, the operand is the call so far.
          const call: Draft<ast.CallExpression> = EXPRESSIONS.Call.empty();
          call.callee = callee;
          call.span = callee.span;
          operand.value = call;
          call.arguments = this.SUBRULE(this.callArguments);
          call.span = from(callee);
        },
      },
      {
        ALT: () => {
          const operand = this.#operand;
          const object = operand.value;
          const index = this.SUBRULE(this.index);
          operand.value = { kind: "Index", object, index, span: from(object) };
        },
      },
      {
        ALT: () => {
          const operand = this.#operand;
          this.CONSUME(Soft.as);
          const target = this.name(this.CONSUME3(t.Name, CAST));
          const { value } = operand;
          operand.value = { kind: "Cast", operand: value, target, span: from(value) };
        },
      },
      {
        ALT: () => {
          const operand = this.#operand;
          const object = operand.value;
          this.CONSUME(t.CopyWith);
          const { entries } = this.SUBRULE2(this.record);
          operand.value = { kind: "CopyWith", object, entries, span: from(object) };
        },
      },
    ];
  }

  // -- Lambdas ----------------------------------------------------------------------------------

  readonly lambda = this.node("lambda", EXPRESSIONS.Lambda.empty, (node, head: LambdaHead) => {
    this.CONSUME(t.FatArrow);
    if (!this.RECORDING_PHASE) node.parameters = head.parameters;
    node.body = this.SUBRULE(this.expression);
  }, (node, torn, { start }) => this.from(node, torn, start));

  #parametersBefore(
    arrow: number,
    primary: Primary,
    bare: ast.Expression,
    value: ast.Expression,
  ): readonly ast.Name[] {
    if (this.RECORDING_PHASE) return [];
    if (value === bare && isToken(primary)) return [this.declare(primary)];
    const refuse = ({ start, end }: Span, hint: string) => {
      const written = this.context.source.text.slice(start, end).trimEnd();
      const span = this.context.span(start, start + written.length);
      this.error("E0220", span, "A parameter must be a name", { hint });
    };
    const hint = "a function is written `x => e` or `(a, b) => e`; the comparison is `>=`";
    if (value !== bare || !isParentheses(primary)) {
      const span = this.context.span(bare.span.start, arrow);
      refuse(
        span,
        hasField(value, bare) ? "pass a function in parentheses: `list.map(x => e)`" : hint,
      );
      return [];
    }
    const names: ast.Name[] = [];
    let isBare = true;
    for (const item of primary.items) {
      if (isToken(item)) {
        if (isBare) this.errorOn("E0202", item, "Expected a parameter before `,`");
        isBare = true;
        continue;
      }
      isBare = false;
      const name = this.plainName(item);
      if (name === null) refuse(item.span, hint);
      else names.push(this.context.declare(name));
    }
    return names;
  }

  /** The name that a value consists of, or null. */
  protected plainName(value: ast.Expression): ast.Name | null {
    return value.kind === "Name" && !this.#enclosed.has(value)
      ? { text: value.name, span: value.span }
      : null;
  }

  /** Whether an expression has its own brackets. */
  protected isEnclosed(value: ast.Expression): boolean {
    return value.kind === "List" || this.#enclosed.has(value);
  }

  // -- Literals ---------------------------------------------------------------------------------

  /** The value of one token: a number, a string, `true` … */
  protected literal(token: IToken): ast.Expression {
    const span = this.context.tokenSpan(token);
    switch (token.tokenType) {
      case t.NumberToken:
        return numberAt(token.image, span);
      case t.Text:
        return { kind: "String", parts: this.#parts(token, span), span };
      case t.Bytes: {
        const bytes = readBytes(token.image);
        return bytes instanceof Uint8Array
          ? { kind: "Bytes", bytes, span }
          : { kind: "ErrorExpression", span };
      }
      case Hard.true:
      case Hard.false:
        return { kind: "Boolean", value: token.tokenType === Hard.true, span };
      case Hard.none:
        return { kind: "None", span };
      default:
        return { kind: "ErrorExpression", span };
    }
  }

  /** The parts of a string. A `{expr}` is parsed after the whole text of the script. */
  #parts(token: IToken, span: Span): (string | ast.Expression)[] {
    const parts: (string | ast.Expression)[] = [];
    for (const part of readString(token.image).parts) {
      const index = parts.length;
      parts.push("text" in part ? part.text : { kind: "ErrorExpression", span });
      if ("text" in part) continue;
      const [start, end] = [token.startOffset + part.start, token.startOffset + part.end];
      this.later((read) => {
        parts[index] = read(start, end);
      });
    }
    return parts;
  }

  // -- `if` and `match` where a value is due ----------------------------------------------------

  /**
   * Each block contains one expression. The branches are parsed in a loop, so that a long chain
   * needs no stack.
   */
  readonly ifValue = this.node("ifValue", ITEMS<ValueBranch>, (node) => {
    const branches: ValueBranch[] = node.items = [];
    this.CONSUME(Hard.if);
    const condition = this.SUBRULE(this.expression);
    branches.push({ condition, value: this.SUBRULE(this.valueBlock) });
    this.MANY(() => {
      this.CONSUME(Hard.else);
      const condition = this.OPTION(() => {
        this.CONSUME2(Hard.if);
        return this.SUBRULE2(this.expression);
      }) ?? null;
      branches.push({ condition, value: this.SUBRULE2(this.valueBlock) });
    });
  }, ({ items: branches, span }, torn): ast.Expression => {
    let otherwise: ast.Expression | null = null;
    for (const [index, { condition, value }] of [...branches.entries()].reverse()) {
      if (condition === null) {
        if (otherwise !== null) this.reportSecondElse(value.span);
        otherwise = value;
        continue;
      }
      otherwise ??= this.#missingElse(span, torn === null);
      const start = index === 0 ? span.start : condition.span.start;
      const whole = this.context.span(start, span.end);
      otherwise = { kind: "IfValue", condition, then: value, otherwise, span: whole };
    }
    return otherwise ?? { kind: "ErrorExpression", span };
  });

  #missingElse({ end }: Span, isWhole: boolean): ast.Expression {
    const span = this.context.span(end, end);
    if (isWhole) {
      this.error("E0224", span, "An `if` used as a value has no `else`", {
        label: "expected `else { … }` here",
        hint:
          "it has no value when the condition is false: write `else { none }` if that is intended",
      });
    }
    return { kind: "ErrorExpression", span };
  }

  readonly valueBlock = this.node("valueBlock", BRACKETED, (node) => {
    this.CONSUME(t.LBrace, BLOCK_START);
    node.value = this.SUBRULE(this.expression);
    this.CONSUME(t.RBrace, due("valueEnd"));
  }, ({ value }): ast.Expression => value);

  readonly matchValues = this.node("matchValues", EXPRESSIONS.MatchValue.empty, (node) => {
    const arms: ast.ValueArm[] = node.arms = [];
    this.CONSUME(Hard.match);
    node.subject = this.SUBRULE(this.expression);
    this.CONSUME(t.LBrace);
    this.separated(() => pushed(arms, this.SUBRULE(this.valueArm)));
    this.CONSUME(t.RBrace);
  });

  readonly valueArm = this.node("valueArm", PARTS.ValueArm, (node) => {
    node.pattern = this.SUBRULE(this.matchPattern);
    this.CONSUME(t.FatArrow);
    node.value = this.SUBRULE(this.expression);
  });

  /** A literal, a range of two values, a name, or `_`, which becomes null. */
  readonly matchPattern = this.node("matchPattern", MATCH_PATTERN, (node) => {
    node.first = this.SUBRULE(this.matchValue);
    this.OPTION(() => {
      node.range = this.CONSUME(t.Range);
      node.last = this.SUBRULE2(this.matchValue);
    });
  }, ({ first, range, last }): ast.Expression | null => {
    const from = this.#armValue(first, range !== null);
    if (range === null || from === null) return from;
    const to = this.#armValue(last, true) ?? this.errorExpression();
    const inclusive = range.image === "..=";
    return {
      kind: "Range",
      first: from,
      last: to,
      inclusive,
      span: this.context.spanBetween(from.span, to.span),
    };
  });

  readonly matchValue = this.node("matchValue", MATCH_VALUE, (node) => {
    this.OPTION(() => {
      node.minus = this.CONSUME(t.Minus);
    });
    node.token = this.OR({
      DEF: [
        { ALT: () => this.CONSUME(t.Literal) },
        { ALT: () => this.CONSUME(t.Name) },
      ],
      ...due("arm"),
    });
  });

  #armValue(written: ArmValue | null, inRange: boolean): ast.Expression | null {
    if (written === null || written.token === null) return this.errorExpression();
    const { minus, token, span: whole } = written;
    if (token.image === "_") {
      if (!inRange && minus === null) return null;
      const hint = "`_` matches anything else and is a pattern of its own";
      this.errorOn("E0222", token, "`_` in a range", hint);
      return { kind: "ErrorExpression", span: whole };
    }
    const span = this.context.tokenSpan(token);
    const value: ast.Expression = t.isA(token, t.Name)
      ? { kind: "Name", name: token.image, span }
      : this.literal(token);
    if (value.kind === "String" && value.parts.some((part) => typeof part !== "string")) {
      const hint = "a pattern is a literal; write a brace as `\\{`";
      this.errorOn("E0222", token, "`{…}` in a pattern", hint);
    }
    return minus === null ? value : { kind: "Unary", operator: "-", operand: value, span: whole };
  }

  // -- Brackets ---------------------------------------------------------------------------------

  /**
   * `(e)`, or the parameters of a lambda. An item that is only partly parsed has been reported
   * already, and counts as one value.
   */
  readonly parentheses = this.node("parentheses", ITEMS<IToken | ast.Expression>, (node) => {
    const items: (IToken | ast.Expression)[] = [];
    node.items = items;
    this.CONSUME(t.LParen);
    this.OPTION(() => items.push(this.SUBRULE(this.expression)));
    this.MANY(() => {
      items.push(this.CONSUME(t.Comma));
      this.OPTION2(() => items.push(this.SUBRULE2(this.expression)));
    });
    this.CONSUME(t.RParen);
  }, ({ items, span }, torn): Parentheses => {
    const isLost = torn !== null && items.length !== 1;
    return { items: isLost ? [{ kind: "ErrorExpression", span }] : items, span };
  });

  readonly list = this.node("list", EXPRESSIONS.List.empty, (node) => {
    this.CONSUME(t.LBracket);
    this.commas(node.items = [], this.expression, "a value");
    this.CONSUME(t.RBracket);
  });

  readonly index = this.node("index", BRACKETED, (node) => {
    this.CONSUME(t.LBracket);
    node.value = this.SUBRULE(this.expression);
    this.CONSUME(t.RBracket);
  }, ({ value }): ast.Expression => value);

  /** The arguments of a call, or the fields of an event. */
  readonly callArguments = this.node("callArguments", ITEMS<ast.Argument>, (node) => {
    this.CONSUME(t.LParen);
    this.commas(node.items = [], this.argument, "an argument");
    this.CONSUME(t.RParen);
  }, ({ items }): readonly ast.Argument[] => {
    if (items.length > 1) this.#checkOrder(items);
    return items;
  });

  #checkOrder(written: readonly ast.Argument[]): void {
    for (const [index, { name, span }] of written.entries()) {
      if (name !== null || (written[index - 1]?.name ?? null) === null) continue;
      this.error("E0215", span, "Positional argument after a named one", {
        hint: "positional arguments come first; name this one too",
      });
    }
  }

  readonly argument = this.node("argument", PARTS.Argument, (node) => {
    this.OPTION(() => {
      node.name = this.name(this.CONSUME(t.Label));
      this.CONSUME(t.Colon);
    });
    node.value = this.SUBRULE(this.expression, MAY_ASSIGN);
  }, (node, torn) => {
    const operator = this.row?.operators[0];
    if (torn !== null || this.row === null || !isAssignment(operator)) return node;
    const { operands, operators } = this.row;
    const [first] = operands;
    const name = node.name !== null || first!.prefixes.length > 0
      ? null
      : this.plainName(first!.value);
    if (name === null || operator!.tokenType !== t.Assign) {
      groupOperands(operands, operators, this.context);
      return node;
    }
    const hint = `write \`${name.text}: …\` for a named argument, \`==\` to compare`;
    this.errorOn("E0210", operator!, "`=` in an argument", hint);
    return { ...node, name };
  });

  readonly record = this.node("record", EXPRESSIONS.Record.empty, (node) => {
    const entries: ast.RecordEntry[] = node.entries = [];
    const seen = new Map<string, ast.Name>();
    this.CONSUME(t.LBrace);
    this.separated(() => {
      const entry = this.SUBRULE(this.recordEntry);
      return this.ACTION(() => {
        if (entry.key.text === "") return entry;
        this.noteKey(entry.key, seen);
        return pushed(entries, entry);
      });
    });
    this.CONSUME(t.RBrace);
  });

  readonly recordEntry = this.node("recordEntry", PARTS.RecordEntry, (node) => {
    node.key = this.name(this.CONSUME(t.Name));
    this.OR({
      DEF: [
        { ALT: () => this.CONSUME(t.Colon) },
        { ALT: () => this.#refuseAssign(this.CONSUME(t.Assign)) },
      ],
      ...due("entryValue"),
    });
    node.value = this.SUBRULE(this.expression);
  });

  #refuseAssign(assign: IToken): void {
    const message = "Expected `:` after a record's key, found `=`";
    this.errorOn("E0210", assign, message, "write `:` between a key and its value");
  }

  // -- Runs of a block --------------------------------------------------------------------------

  readonly branches = this.node("branches", EXPRESSIONS.Fork.empty, (node) => {
    const { tokenType } = this.CONSUME(t.BranchingWord);
    if (tokenType === Soft.race) node.kind = "Race";
    const blocks = [this.SUBRULE(this.block)];
    node.branches = blocks;
    this.AT_LEAST_ONE({
      DEF: () => {
        this.CONSUME(t.AndThen);
        blocks.push(this.SUBRULE2(this.block));
      },
      ...due("otherBlock"),
    });
  });

  readonly comparison = this.node("comparison", EXPRESSIONS.Compare.empty, (node) => {
    this.CONSUME(Soft.compare);
    node.entries = this.SUBRULE(this.pathEntries);
    node.body = this.SUBRULE(this.block);
  });
}

export function itemsOf<T>({ items }: Items<T>): readonly T[] {
  return items;
}

/** Appends an item to a list, and returns the item. */
export function pushed<T>(list: T[], item: T): T {
  list.push(item);
  return item;
}

export function isAssignment(operator: IToken | undefined): boolean {
  return operator?.tokenType === t.Assign || operator?.tokenType === t.PlusAssign;
}

function isToken(what: Primary): what is IToken {
  return "image" in what;
}

function isParentheses(what: Primary): what is Parentheses {
  return "items" in what && !("kind" in what);
}

/** Whether `value` consists of `bare` with suffixes that include a `.`. */
function hasField(value: ast.Expression, bare: ast.Expression): boolean {
  let at: ast.Expression | null = value;
  for (; at !== null && at !== bare; at = objectOf(at)) if (at.kind === "Field") return true;
  return false;
}

function numberAt(image: string, span: Span): ast.Expression {
  const number = readNumber(image);
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

/** Kinds of what operators make, and the mixes that have no meaning. */
import type { Kind } from "../../values/spec.ts";
import type { Span } from "../../source.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type { AssignStatement, BinaryExpression, Expression } from "../../syntax/tree/ast.ts";
import {
  arithmeticKind,
  type ArithmeticOperator,
  capitalized,
  castable,
  comparableKinds,
  comparableNumbers,
  describeKind,
  isNumeric,
  rangeEndsKind,
} from "../../values/kinds.ts";
import { mixHint } from "../../values/operators.ts";
import type { Misfits } from "./misfits.ts";

/** Kinds of operands, as far as they are known. */
export interface OperandKinds {
  kindOf(expression: Expression): Kind;
  /** Reports what can be neither true nor false. */
  wantBool(expression: Expression, what: string): void;
}

export class OperatorKinds {
  constructor(
    readonly values: OperandKinds,
    readonly bag: DiagnosticBag,
    readonly misfits: Misfits,
  ) {}

  unary(operator: "not" | "-", operand: Expression): Kind {
    if (operator === "not") {
      this.values.wantBool(operand, "`not`");
      return "bool";
    }
    const kind = this.values.kindOf(operand);
    if (kind === "any") return "any";
    if (isNumeric(kind) && kind !== "phys" && kind !== "dma") return kind;
    const hint = kind === "word"
      ? "write the errno without a sign; `f() fails EIO` expects it"
      : undefined;
    this.misfits.wrong("E0401", operand, kind, `Cannot negate ${describeKind(kind)}`, hint);
    return "any";
  }

  binary(expression: BinaryExpression): Kind {
    const { left, operator, right } = expression;
    switch (operator) {
      case "and":
      case "or":
        this.values.wantBool(left, `\`${operator}\``);
        this.values.wantBool(right, `\`${operator}\``);
        return "bool";
      case "==":
      case "!=":
        if (!comparableKinds(this.values.kindOf(left), this.values.kindOf(right))) {
          this.#reportMix("E0404", expression, "can never be equal");
        }
        return "bool";
      case "<":
      case "<=":
      case ">":
      case ">=":
        this.#checkOrder(expression);
        return "bool";
      case "|":
      case "&":
      case "<<":
      case ">>":
        return this.#bitsKind(expression);
      default:
        return this.#arithmetic(expression, operator);
    }
  }

  #checkOrder(expression: BinaryExpression): void {
    const left = this.values.kindOf(expression.left);
    const right = this.values.kindOf(expression.right);
    if (left === "any" || right === "any") return;
    if (isNumeric(left) && isNumeric(right) && comparableNumbers(left, right)) return;
    this.#reportMix("E0401", expression, "cannot be compared");
  }

  #bitsKind(expression: BinaryExpression): Kind {
    const left = this.values.kindOf(expression.left);
    const right = this.values.kindOf(expression.right);
    const plain = (kind: Kind) => kind === "int" || kind === "any";
    if (plain(left) && plain(right)) return "int";
    this.#reportMix("E0401", expression, `cannot be combined by \`${expression.operator}\``);
    return "any";
  }

  #arithmetic(expression: BinaryExpression, operator: ArithmeticOperator): Kind {
    const left = this.values.kindOf(expression.left);
    const right = this.values.kindOf(expression.right);
    const kind = resultOf(operator, left, right);
    if (kind !== null) return kind;
    this.#reportMix("E0401", expression, `cannot be combined by \`${operator}\``);
    return "any";
  }

  #reportMix(code: "E0401" | "E0404", expression: BinaryExpression, what: string): void {
    const left = this.values.kindOf(expression.left);
    const right = this.values.kindOf(expression.right);
    const subject = `${describeKind(left)} and ${describeKind(right)}`;
    this.misfits.add(
      {
        code,
        span: expression.operatorSpan,
        message: `${capitalized(subject)} ${what}`,
        hint: mixHint(expression.operator, left, right) ?? undefined,
      },
      [expression.left, left],
      [expression.right, right],
    );
  }

  range(expression: Extract<Expression, { kind: "Range" }>): Kind {
    const first = this.values.kindOf(expression.first);
    const last = this.values.kindOf(expression.last);
    const isOrdered = [first, last].every((kind) => kind === "any" || isNumeric(kind));
    const isKnown = first !== "any" && last !== "any";
    if (!isOrdered || isKnown && rangeEndsKind(first, last) === null) {
      this.misfits.add(
        {
          code: "E0401",
          span: expression.span,
          message: `A range cannot go from ${describeKind(first)} to ${describeKind(last)}`,
        },
        [expression.first, first],
        [expression.last, last],
      );
    }
    // Two dots for one make a range of what has no order, or of names that nothing is called:
    // its uses learn nothing new.
    return isOrdered && (first !== "any" || last !== "any") ? "range" : "any";
  }

  cast(expression: Extract<Expression, { kind: "Cast" }>): Kind {
    const kind = this.values.kindOf(expression.operand);
    const target = expression.target.text;
    if (target !== "phys" && target !== "dma") {
      this.bag.error(
        "E0406",
        expression.target.span,
        `There is no cast \`as ${target}\``,
        "there are only `as phys` and `as dma`",
      );
      return "any";
    }
    if (kind !== "any" && !castable(kind)) {
      const isThing = kind.startsWith("@");
      const error = {
        code: "E0406" as const,
        span: expression.operand.span,
        message: `Cannot cast ${describeKind(kind)} to ${describeKind(target)}`,
        hint: isThing ? "take its address first, such as `.phys` or `.addr`" : undefined,
      };
      if (isThing) this.misfits.add(error);
      else this.misfits.add(error, [expression.operand, kind]);
    }
    return target;
  }

  /** The kind after `x += e`; reports a mix that has no meaning. */
  added(left: Kind, assignment: AssignStatement): Kind {
    return this.sum(left, this.values.kindOf(assignment.value), assignment.span);
  }

  /** What `+=` makes of two kinds, where the sum stands. */
  sum(left: Kind, right: Kind, span: Span): Kind {
    const kind = resultOf("+", left, right);
    if (kind !== null) return kind;
    this.bag.error(
      "E0401",
      span,
      `Cannot add ${describeKind(right)} to ${describeKind(left)}`,
      mixHint("+", left, right) ?? undefined,
    );
    return "any";
  }
}

/** The kind of what an operator makes of two kinds; null for a mix without meaning. */
function resultOf(operator: ArithmeticOperator, left: Kind, right: Kind): Kind | null {
  if (left === "any" || right === "any") return "any";
  if (isNumeric(left) && isNumeric(right)) return arithmeticKind(operator, left, right);
  const joins = operator === "+" && ["string", "list", "bytes"].includes(left);
  return joins && left === right ? left : null;
}

/** Names in `budget` and `expect` of a bench: of events, of figures, and of cells. */
import { figureNamed } from "../../bench/figures.ts";
import type { Span } from "../../source.ts";
import type { Expression } from "../../syntax/tree/ast.ts";

/** The name of the baseline cell in an expectation. */
export const BASELINE_CELL = "baseline";

/** `strict.iotlb.sync`, `"7.2.12".time`: a figure of the cells with a certain axis value. */
export interface CellFigure {
  /** The value of an axis, as tables print it. */
  readonly cell: string;
  readonly cellSpan: Span;
  readonly figure: string;
  readonly span: Span;
}

export interface ExpectedFigure extends CellFigure {
  /**
   * True if the figure is a factor or a divisor: if the figure is 0, the condition cannot be
   * judged.
   */
  readonly isScaled: boolean;
}

/** The name of a cell in an expectation; null for other expressions. */
export function cellNameOf(expression: Expression): string | null {
  switch (expression.kind) {
    case "Name":
      return expression.name;
    case "String":
      return expression.parts.every((part) => typeof part === "string")
        ? expression.parts.join("")
        : null;
    default:
      return null;
  }
}

/** The figure of a cell that an expression names; the figure may be unknown. */
export function cellFigureOf(expression: Expression): CellFigure | null {
  const path: string[] = [];
  let at = expression;
  while (at.kind === "Field") {
    path.unshift(at.field.text);
    at = at.object;
  }
  const cell = cellNameOf(at);
  if (path.length === 0 || cell === null) return null;
  return { cell, cellSpan: at.span, figure: path.join("."), span: expression.span };
}

/** All figures that an expectation names, from left to right. */
export function cellFiguresIn(
  condition: Expression,
  counts: ReadonlyMap<Expression, string>,
  isScaled = false,
): readonly ExpectedFigure[] {
  if (counts.has(condition)) return [{ ...cellFigureOf(condition)!, isScaled }];
  if (condition.kind === "Binary") {
    const { left, operator, right } = condition;
    return [
      ...cellFiguresIn(left, counts, operator === "*"),
      ...cellFiguresIn(right, counts, operator === "*" || operator === "/"),
    ];
  }
  return condition.kind === "Unary" ? cellFiguresIn(condition.operand, counts) : [];
}

/**
 * The operand of a `Count` instruction: a figure. In an expectation, the operand also has the
 * figure's cell.
 */
export function countKey({ cell, figure }: Pick<CellFigure, "cell" | "figure">): string {
  return `${figure}\n${cell}`;
}

/** The parts of a key from `countKey`; the cell is null in a budget. */
export function readCountKey(
  key: string,
): { readonly figure: string; readonly cell: string | null } {
  const end = key.indexOf("\n");
  return end < 0
    ? { figure: key, cell: null }
    : { figure: key.slice(0, end), cell: key.slice(end + 1) };
}

/** The type of the value for a key from `countKey`. */
export function countType(key: string): "ratio" | "size" | "duration" {
  const unit = figureNamed(readCountKey(key).figure)?.unit ?? "count";
  return ({ count: "ratio", bytes: "size", ns: "duration" } as const)[unit];
}

/** The cells of a bench: how the values of axes identify cells, and which cells are compared. */
import { groupBy } from "@dmalab/runtime/basics";
import {
  BASELINE_CELL,
  type CellFigure,
  cellFigureOf,
  cellNameOf,
} from "../check/names/bench_names.ts";
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { type Span, spanText } from "../source.ts";
import type { BenchDeclaration, Expression } from "../syntax/tree/ast.ts";
import { describeSettings, type VariantSetting } from "../values/machine_variant.ts";
import type { Combination } from "./combinations.ts";

/** A cell's place on each axis. */
type CellAxes = readonly VariantSetting[];

/** The cell name for a value. If the value is a string of a matrix, the name has no quotes. */
export function cellName(value: string): string {
  return value.replace(/^"(.*)"$/s, "$1");
}

export function baselineName(baseline: Expression): string {
  return cellNameOf(baseline) ?? spanText(baseline.span);
}

/** The axis that has the value; null if no axis, or more than one axis, has it. */
export function axisOf(cells: readonly CellAxes[], name: string): string | null {
  const keys = new Set(
    cells.flatMap((axes) => axes.filter(({ value }) => cellName(value) === name))
      .map(({ key }) => key),
  );
  return keys.size === 1 ? [...keys][0]! : null;
}

/** Groups the cells that differ only in this axis. */
export function cellGroups<C extends { readonly axes: CellAxes }>(
  cells: readonly C[],
  axis: string,
): readonly (readonly C[])[] {
  const others = ({ axes }: C) => describeSettings(axes.filter(({ key }) => key !== axis));
  return [...groupBy(cells, others).values()];
}

export function cellOf<C extends { readonly axes: CellAxes }>(
  group: readonly C[],
  axis: string,
  name: string,
): C | null {
  const isNamed = ({ key, value }: VariantSetting) => key === axis && cellName(value) === name;
  return group.find(({ axes }) => axes.some(isNamed)) ?? null;
}

export function checkBench(
  { baseline, expectations, loop }: BenchDeclaration,
  cases: readonly { readonly axes: CellAxes; readonly combinations: readonly Combination[] }[],
  bag: DiagnosticBag,
): void {
  if (loop.statements.length === 0) {
    bag.error("E0218", loop.span, "`loop` without statements", "put the code to measure into it");
  }
  if (cases.length === 0) return;
  const cells = cases.flatMap(({ axes, combinations }) =>
    combinations.map(({ settings }) => [...axes, ...settings])
  );
  const check = new CellNameCheck(cells, bag);
  if (baseline !== null) check.axis(baselineName(baseline), baseline.span);
  for (const { condition } of expectations) check.expectation(condition, baseline);
}

class CellNameCheck {
  constructor(readonly cells: readonly CellAxes[], readonly bag: DiagnosticBag) {}

  /**
   * The only axis that has a given value. Each group must have that value in only one cell.
   * Otherwise the mistake is reported, and the result is null.
   */
  axis(name: string, span: Span): string | null {
    const found = this.cells.map((axes) => axes.find(({ value }) => cellName(value) === name))
      .filter((setting) => setting !== undefined);
    const key = axisOf(this.cells, name);
    if (key !== null) {
      const cells = this.cells.map((axes) => ({ axes }));
      const isTwice = cellGroups(cells, key).some((group) =>
        group.filter((cell) => cellOf([cell], key, name) !== null).length > 1
      );
      if (!isTwice) return key;
      this.#report(span, `\`${key}\` has the value \`${name}\` more than once`, undefined);
      return null;
    }
    const values = [...new Set(this.cells.flat().map(({ value }) => cellName(value)))];
    const keys = [...new Set(this.cells.flat().map((each) => each.key))];
    const hint = values.length === 0
      ? "a bench has cells by `for NAME in [ … ]` or `matrix { key = [ … ] }`"
      : this.bag.didYouMean(name, values) ?? `the values are ${values.slice(0, 8).join(", ")}`;
    this.#report(
      span,
      found.length === 0
        ? `No axis of this bench has the value \`${name}\``
        : `Several axes of this bench have the value \`${name}\`: ${keys.join(", ")}`,
      found.length === 0 ? hint : undefined,
    );
    return null;
  }

  expectation(condition: Expression, baseline: Expression | null): void {
    const named = namedCells(condition);
    if (named.length === 0) {
      this.#report(
        condition.span,
        "`expect` of a bench names no cell",
        "write a value of an axis before a figure: `lazy.invalidations`; a limit of each cell is a `budget`",
      );
      return;
    }
    const axes = new Map<string, CellFigure>();
    for (const each of named) {
      if (each.cell === BASELINE_CELL && baseline === null) {
        this.#report(
          each.cellSpan,
          "This bench has no baseline",
          "write `baseline = VALUE` before it",
        );
        return;
      }
      const name = each.cell === BASELINE_CELL ? baselineName(baseline!) : each.cell;
      const axis = this.axis(name, each.cellSpan);
      if (axis === null) return;
      axes.set(axis, each);
    }
    if (axes.size < 2) return;
    const [, second] = [...axes.values()];
    this.#report(
      second!.cellSpan,
      `\`expect\` compares values of one axis, not of ${[...axes.keys()].join(" and ")}`,
      undefined,
    );
  }

  #report(span: Span, message: string, hint: Parameters<DiagnosticBag["error"]>[3]): void {
    this.bag.error("E0326", span, message, hint);
  }
}

function namedCells(condition: Expression): readonly CellFigure[] {
  const named = cellFigureOf(condition);
  if (named !== null) return [named];
  if (condition.kind === "Binary") return [condition.left, condition.right].flatMap(namedCells);
  return condition.kind === "Unary" ? namedCells(condition.operand) : [];
}

/** Judges the expectations of a bench about several of its cells. */
import { BASELINE_CELL, type CellFigure, readCountKey } from "../check/names/bench_names.ts";
import { figureEach } from "../bench/figures.ts";
import { formatValue } from "../render/value_text.ts";
import { spanPlace, spanText } from "../source.ts";
import { failed, type Failure } from "../vm/failure.ts";
import { figureValue } from "./bench.ts";
import { describeSettings } from "../values/machine_variant.ts";
import { axisOf, cellGroups, cellOf } from "./bench_cells.ts";
import type { Program } from "./program.ts";
import type { BenchExpectationOutcome, BenchOutcome } from "./report.ts";
import { type RunOptions, type SharedOptions, sharedOptions } from "./run_options.ts";
import { reportFailure } from "./tally.ts";
import type { ExpectationCode, TestEntry } from "./test_entry.ts";
import { startMachine, TestMachine } from "./test_machine.ts";

/**
 * Judges the expectations of one bench. Each expectation is judged in every group of cells that
 * differ only in the expectation's axis.
 *
 * @param entries All cells of the bench.
 * @param outcomes The outcomes of the cells that ran, in any order.
 */
export function judgeExpectations(
  program: Program,
  entries: readonly TestEntry[],
  outcomes: readonly BenchOutcome[],
  options: RunOptions = {},
): readonly BenchExpectationOutcome[] {
  const [first] = entries;
  if (first === undefined || first.skip || first.expectations.length === 0) return [];
  const shared = sharedOptions(options);
  const names = { record: false, ...shared.machine };
  const machine = startMachine(program, first.config, names, first.span);
  return first.expectations.flatMap((expectation) => {
    const cell = expectation.cells[0]!.cell;
    const axis = axisOf(
      entries.map(({ axes }) => axes),
      cell === BASELINE_CELL ? first.baseline! : cell,
    )!;
    return cellGroups(entries, axis).flatMap((group) => {
      const ran = group.map(({ axes }) =>
        outcomes.find((each) => describeSettings(each.axes) === describeSettings(axes))
      ).filter((outcome) => outcome !== undefined);
      // A group without a selected cell is not judged.
      if (ran.length === 0) return [];
      const judge = new GroupJudge(ran, axis, first.baseline, expectation);
      return [judge.outcome(machine, shared)];
    });
  });
}

class GroupJudge {
  constructor(
    readonly group: readonly BenchOutcome[],
    readonly axis: string,
    readonly baseline: string | null,
    readonly expectation: ExpectationCode,
  ) {}

  outcome(machine: TestMachine | Failure, { style }: SharedOptions): BenchExpectationOutcome {
    const { span } = this.expectation;
    const others = (this.group[0]?.axes ?? []).filter(({ key }) => key !== this.axis);
    const base = {
      text: spanText(span).replace(/\s+/g, " "),
      place: spanPlace(span),
      where: describeSettings(others),
    };
    const missing = this.#missing();
    if (missing !== null) {
      return { ...base, outcome: "not judged", reason: missing, failure: null };
    }
    const failure = machine instanceof TestMachine ? this.#failure(machine) : machine;
    return failure === null
      ? { ...base, outcome: "passed", reason: null, failure: null }
      : { ...base, outcome: "failed", reason: null, failure: reportFailure(failure, style) };
  }

  /** Why the expectation cannot be judged: a cell was left out, or failed. */
  #missing(): string | null {
    for (const { cell } of this.expectation.cells) {
      const found = this.#cell(cell);
      if (found === null) return `${this.axis} = ${this.#value(cell)} did not run`;
      if (found.stopped === null) return `${this.axis} = ${this.#value(cell)} failed`;
    }
    return null;
  }

  #value(cell: string): string {
    return cell === BASELINE_CELL ? this.baseline! : cell;
  }

  #cell(cell: string): BenchOutcome | null {
    return cellOf(this.group, this.axis, this.#value(cell));
  }

  #each({ cell, figure }: Pick<CellFigure, "cell" | "figure">): number {
    const outcome = this.#cell(cell)!;
    return figureEach(figure, outcome, outcome.iterations);
  }

  #failure(machine: TestMachine): Failure | null {
    const { cells, functionIndex, span } = this.expectation;
    const zero = cells.find((each) => each.isScaled && this.#each(each) === 0);
    if (zero !== undefined) {
      const figure = `${this.#value(zero.cell)}.${zero.figure}`;
      const message = `\`${figure}\` is 0: there is no ratio to it`;
      return failed({ code: "E0909", span: zero.span, message });
    }
    const figureOf = (key: string) => {
      const { cell, figure } = readCountKey(key);
      return figureValue(key, this.#each({ cell: cell!, figure }));
    };
    machine.vm.budgetCount = figureOf;
    const failure = machine.failure ?? machine.vm.run(functionIndex);
    if (failure !== null) return failure;
    if (machine.vm.result === true) return null;
    const others = (this.group[0]?.axes ?? []).filter(({ key }) => key !== this.axis);
    const where = others.length === 0 ? "" : ` at ${describeSettings(others)}`;
    return failed({ code: "E0909", span, message: `The expectation is not met${where}` }, {
      parts: cells.map((each) => ({
        anchor: each.span,
        text: formatValue(figureValue(each.figure, this.#each(each))),
      })),
    });
  }
}

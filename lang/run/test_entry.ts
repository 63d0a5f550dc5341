/** A test, a property or a bench of a program, ready to run on one machine. */
import type { LabConfig } from "@dmalab/devices";
import type { ProgramCompiler } from "../compile/compile_program.ts";
import { cellFiguresIn, type ExpectedFigure } from "../check/names/bench_names.ts";
import { baselineName } from "./bench_cells.ts";
import type { Span } from "../source.ts";
import type { Block, Expression, Statement } from "../syntax/tree/ast.ts";
import { innerBlocks, statementExpressions } from "../syntax/tree/nodes.ts";
import { someExpression } from "../syntax/tree/walk.ts";
import type { MachineVariant, VariantSetting } from "../values/machine_variant.ts";
import type { Value } from "../values/value.ts";
import type { Program } from "./program.ts";
import type { AnyTest, ForallValues, TestVariants } from "./test_variants.ts";

export interface BudgetCode {
  readonly functionIndex: number;
  readonly span: Span;
  readonly perIteration: boolean;
}

/** A condition that compares cells of a bench. */
export interface ExpectationCode {
  readonly functionIndex: number;
  readonly span: Span;
  /** The cells' figures in the condition, from left to right. */
  readonly cells: readonly ExpectedFigure[];
}

/** One test, property or bench on one machine. */
export interface TestEntry {
  /** The kind of the entry's declaration. */
  readonly kind: "test" | "property" | "bench";
  /** Its name. */
  readonly name: string;
  /** The machine's part of the name: `iommu.mode = lazy`; empty without a matrix. */
  readonly combination: string;
  /** The place of the test's or bench's name. */
  readonly span: Span;
  /** True if the test is declared with `skip` and is not run. */
  readonly skip: boolean;
  /** The configuration from which the machine is built. */
  readonly config: LabConfig;
  /**
   * The test's changes to the machine block.
   * @internal
   */
  readonly variant: MachineVariant;
  /** @internal */
  readonly functionIndex: number;
  /** @internal */
  readonly declaration: AnyTest;
  /**
   * The test's values, one on each axis: first the axes of its table, then the axes of its matrix.
   * @internal
   */
  readonly axes: readonly VariantSetting[];
  /** The settings of the test's `with`. */
  readonly fixed: readonly VariantSetting[];
  /**
   * For a test with a table: the values of the test's row.
   * @internal
   */
  readonly args: readonly Value[];
  /**
   * The names of a `forall` and their values; only for a property.
   * @internal
   */
  readonly forall: readonly ForallValues[];
  /**
   * The budgets; only for a bench.
   * @internal
   */
  readonly budgets: readonly BudgetCode[];
  /**
   * For a bench: the count of its loop; null without one.
   * @internal
   */
  readonly loopCount: number | null;
  /**
   * For a bench: expectations that compare its cells.
   * @internal
   */
  readonly expectations: readonly ExpectationCode[];
  /**
   * For a bench: the axis value of the baseline cells, with which the other cells are compared.
   * @internal
   */
  readonly baseline: string | null;
  /**
   * True when a bench reads events, so that they must be kept.
   * @internal
   */
  readonly usesEvents: boolean;
}

/** A runnable test, from a declaration or from the statements at the top of a file. */
export type RunnableTest = Omit<TestEntry, "declaration"> & {
  /** Null for the statements at the top of a file. */
  readonly declaration: AnyTest | null;
};

/** Name of the statements at the top of a file when they are run like a test. */
const STATEMENTS_NAME = "statements at the top";

/** The statements at the top of a file as a test; null without any. */
export function statementsEntry(
  { code, machine: { config }, main, variant }: Pick<
    Program,
    "code" | "machine" | "main" | "variant"
  >,
): RunnableTest | null {
  if (main === null) return null;
  return {
    kind: "test",
    name: STATEMENTS_NAME,
    combination: "",
    span: code.functions[main]!.span,
    skip: false,
    declaration: null,
    config,
    variant,
    functionIndex: main,
    axes: [],
    fixed: [],
    args: [],
    forall: [],
    budgets: [],
    loopCount: null,
    expectations: [],
    baseline: null,
    usesEvents: false,
  };
}

export function compileTest(
  test: AnyTest,
  variants: TestVariants,
  compiler: ProgramCompiler,
): TestEntry[] {
  const bench = test.kind === "Bench" ? test : null;
  const common = {
    span: test.nameSpan,
    skip: test.skip,
    declaration: test,
    functionIndex: test.kind === "Bench" ? compiler.bench(test) : compiler.test(test),
    forall: variants.forall,
    budgets: bench?.budgets.map((budget) => ({
      functionIndex: compiler.benchCondition(budget),
      span: budget.span,
      perIteration: budget.perIteration,
    })) ?? [],
    expectations: bench?.expectations.map((expectation) => ({
      functionIndex: compiler.benchCondition(expectation),
      span: expectation.condition.span,
      cells: cellFiguresIn(expectation.condition, compiler.tables.resolution.counts),
    })) ?? [],
    baseline: bench?.baseline ? baselineName(bench.baseline) : null,
    // Expectations of a bench are not searched for a use of events, because they are judged when
    // all cells have run.
    usesEvents: bench === null ? usesEvents(test) : innerBlocks(bench).some(blockUsesEvents),
    kind: test.kind.toLowerCase() as TestEntry["kind"],
  };
  return variants.cases.flatMap(({ args, axes, combinations, loopCount, name }) =>
    combinations.map(({ config, fixed, label, settings, variant }) => ({
      ...common,
      args,
      loopCount,
      name,
      axes: [...axes, ...settings],
      fixed,
      combination: label,
      config,
      variant,
    }))
  );
}

/** True when a bench reads events or commands: then events must be kept. */
function usesEvents(statement: Statement): boolean {
  if (statement.kind === "ExpectEvents") return true;
  if (statementExpressions(statement).some((one) => someExpression(one, asksForEvents))) {
    return true;
  }
  return innerBlocks(statement).some(blockUsesEvents);
}

function blockUsesEvents({ statements }: Block): boolean {
  return statements.some(usesEvents);
}

function asksForEvents(expression: Expression): boolean {
  switch (expression.kind) {
    case "Trace":
      return true;
    case "Field":
      return ["events", "command"].includes(expression.field.text);
    case "Name":
      return expression.name === "events";
    default:
      return false;
  }
}

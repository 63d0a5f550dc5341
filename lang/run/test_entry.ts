/** A test, a property or a bench of a program, ready to run on one machine. */
import type { LabConfig } from "@dmalab/devices";
import type { ProgramCompiler } from "../compile/compile_program.ts";
import type { Span } from "../source.ts";
import type { Expression, Statement } from "../syntax/tree/ast.ts";
import { innerBlocks, statementExpressions } from "../syntax/tree/statement_kinds.ts";
import { someExpression } from "../syntax/tree/walk.ts";
import type { MachineVariant, VariantSetting } from "../values/machine_variant.ts";
import type { Value } from "../values/value.ts";
import type { AnyTest, ForallValues, TestVariants } from "./test_variants.ts";

export interface BudgetCode {
  readonly functionIndex: number;
  readonly span: Span;
  readonly perIteration: boolean;
}

/** One test, property or bench on one machine. */
export interface TestEntry {
  /** What it was declared as. */
  readonly kind: "test" | "property" | "bench";
  /** Its name. */
  readonly name: string;
  /** The machine's part of the name: `iommu.mode = lazy`; empty without a matrix. */
  readonly combination: string;
  /**
   * The same, one by one.
   * @internal
   */
  readonly settings: readonly VariantSetting[];
  /** Where its name stands. */
  readonly span: Span;
  /** It is declared and not run. */
  readonly skip: boolean;
  /** All that its machine is built from. */
  readonly config: LabConfig;
  /**
   * What it changes of the machine block.
   * @internal
   */
  readonly variant: MachineVariant;
  /** @internal */
  readonly functionIndex: number;
  /** @internal */
  readonly declaration: AnyTest;
  /**
   * Of a test of a table: its row.
   * @internal
   */
  readonly args: readonly Value[];
  /**
   * Of a property.
   * @internal
   */
  readonly forall: readonly ForallValues[];
  /**
   * Of a bench.
   * @internal
   */
  readonly budgets: readonly BudgetCode[];
  /**
   * True when a bench asks for events, so that they must be kept.
   * @internal
   */
  readonly usesEvents: boolean;
}

/** Compiles a test once; each combination is an entry of its own. */
export function compileTest(
  test: AnyTest,
  variants: TestVariants,
  compiler: ProgramCompiler,
): TestEntry[] {
  const budgets = test.kind === "Bench" ? test.budgets : [];
  const common = {
    span: test.nameSpan,
    skip: test.skip,
    declaration: test,
    functionIndex: test.kind === "Test"
      ? compiler.test(test)
      : test.kind === "Property"
      ? compiler.property(test)
      : compiler.bench(test),
    forall: variants.forall,
    budgets: budgets.map((budget) => ({
      functionIndex: compiler.budget(budget),
      span: budget.span,
      perIteration: budget.perIteration,
    })),
    usesEvents: usesEvents(test),
    kind: test.kind.toLowerCase() as TestEntry["kind"],
  };
  return variants.rows.flatMap(({ args, combinations, name }) =>
    combinations.map(({ config, label, settings, variant }) => ({
      ...common,
      args,
      name,
      combination: label,
      settings,
      config,
      variant,
    }))
  );
}

/** True when a bench asks for events or commands: then they must be kept. */
function usesEvents(statement: Statement): boolean {
  if (statement.kind === "ExpectEvents") return true;
  if (statementExpressions(statement).some((one) => someExpression(one, asksForEvents))) {
    return true;
  }
  for (const block of innerBlocks(statement)) if (block.statements.some(usesEvents)) return true;
  return false;
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

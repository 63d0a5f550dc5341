/** The cases of a test's table, the machines on which the test runs, and the values of its `forall`. */
import type { ProgramMachine } from "../check/check_files.ts";
import { ConstantEvaluator } from "../compile/constant_value.ts";
import { isSequenceCall } from "../check/types/sequence_call.ts";
import type { FileScope } from "../check/names/file_scope.ts";
import { type Diagnostic, DiagnosticBag } from "../diagnostics/diagnostic.ts";
import type {
  BenchDeclaration,
  CallExpression,
  CaseTable,
  Expression,
  PropertyDeclaration,
  TestDeclaration,
} from "../syntax/tree/ast.ts";
import { someExpression } from "../syntax/tree/walk.ts";
import type { Registry } from "../values/registry.ts";
import { type SequenceChoices, sequenceChoices } from "../values/sequences.ts";
import type { VariantSetting } from "../values/machine_variant.ts";
import {
  EnumValue,
  ListValue,
  Quantity,
  RangeValue,
  RecordValue,
  type Value,
} from "../values/value.ts";
import { groupThousands } from "../text/numbers.ts";
import { MAX_LOOP_COUNT } from "../bench/figures.ts";
import { checkBench } from "./bench_cells.ts";
import { type Combination, combinationsOf, product } from "./combinations.ts";
import { formatValue } from "../render/value_text.ts";
import { freeze } from "../values/changes.ts";

/** Limit of cases, which would otherwise run for too long. */
const CASE_LIMIT = 1000;

/** A test, a property or a bench with one value for each axis of its table. */
interface TestCase {
  readonly name: string;
  /** The arguments of the test's function. */
  readonly args: readonly Value[];
  /** The arguments by name, for modifiers. */
  readonly bound: ReadonlyMap<string, Value>;
  /** The arguments as text, for `--filter` and for tables. */
  readonly axes: readonly VariantSetting[];
}

/** A case for each combination of the table's values. Mistakes go into the bag. */
function tableCases(
  test: AnyTest,
  table: CaseTable,
  scope: FileScope,
  bag: DiagnosticBag,
): readonly TestCase[] {
  const axes = table.axes.map(({ values }) => axisValues(values, scope, bag));
  const count = axes.reduce((product, values) => product * values.length, 1);
  if (count > CASE_LIMIT) {
    bag.error("E0405", table.span, `The table has more than ${CASE_LIMIT} rows`);
    return [];
  }
  const cases: TestCase[] = [];
  const names = new Set<string>();
  for (const args of product(axes)) {
    const bound = new Map(table.axes.map(({ name }, index) => [name.text, args[index]!]));
    const settings = [...bound].map(([key, value]) => ({ key, value: axisText(value) }));
    const name = nameOf(table, bound, scope, bag);
    if (name === null) return [];
    if (names.has(name)) {
      const inserted = table.axes.map(({ name: { text } }) => `\`{${text}}\``).join(" and ");
      bag.error(
        "E0325",
        test.nameSpan,
        `Two rows give their tests the same name: "${name}"`,
        `insert a value of the row into the name: ${inserted} is the whole row`,
      );
      return [];
    }
    names.add(name);
    cases.push({ name, args, bound, axes: settings });
  }
  return cases;
}

/** The values of one axis; empty after reporting an error. */
function axisValues(
  expression: Expression,
  scope: FileScope,
  bag: DiagnosticBag,
): readonly Value[] {
  const { span } = expression;
  const values = new ConstantEvaluator(scope, bag).evaluate(expression);
  if (values === undefined) return [];
  const all = valuesOf(values);
  if (all === null) {
    const hint = "`[…]` around it makes a list of one";
    bag.error("E0405", span, "`for` behind a name takes a list or a range of values", hint);
    return [];
  }
  if (all.length === 0 || all.length > CASE_LIMIT) {
    const message = all.length === 0
      ? "The table of tests is empty"
      : `The table has more than ${CASE_LIMIT} rows`;
    bag.error("E0405", span, message);
    return [];
  }
  return all;
}

/** The text of a value. If the value is a record with an entry `name`, the text of that entry. */
function axisText(value: Value): string {
  const name = value instanceof RecordValue ? value.entries.get("name") : undefined;
  return formatValue(typeof name === "string" || name instanceof EnumValue ? name : value);
}

function keyOf({ code, span }: Diagnostic): string {
  return `${code} ${span.start}`;
}

function valuesOf(values: Value): readonly Value[] | null {
  if (values instanceof ListValue) return values.items.map(freeze);
  if (!(values instanceof RangeValue)) return null;
  const { end, first, kind } = values;
  const length = Math.min(Math.max(0, end - first), CASE_LIMIT + 1);
  return Array.from(
    { length },
    (_, at) => kind === "int" ? first + at : new Quantity(kind, first + at),
  );
}

/** The name of a case. If the name inserts no values, they are appended in parentheses. */
function nameOf(
  { nameParts }: CaseTable,
  bound: ReadonlyMap<string, Value>,
  scope: FileScope,
  bag: DiagnosticBag,
): string | null {
  if (nameParts.every((part) => typeof part === "string")) {
    const values = [...bound].map(([key, value]) => `${key} = ${axisText(value)}`).join(", ");
    return `${nameParts.join("")} (${values})`;
  }
  const own = new DiagnosticBag();
  const evaluator = new ConstantEvaluator(scope, own, bound);
  let text = "";
  for (const part of nameParts) {
    const value = typeof part === "string" ? part : evaluator.evaluate(part);
    if (value !== undefined) text += formatValue(value);
  }
  if (!own.hasErrors) return text;
  // The checker has already reported unknown names and entries.
  const known = new Set(bag.sorted().map(keyOf));
  for (const problem of own.sorted()) if (!known.has(keyOf(problem))) bag.add(problem);
  return null;
}

export type AnyTest = TestDeclaration | PropertyDeclaration | BenchDeclaration;

/** A name of a property's `forall` and its possible values. */
export interface ForallValues {
  readonly name: string;
  readonly values: RangeValue | ListValue | SequenceChoices;
}

/** The facts about a test before it is compiled. */
export interface TestVariants {
  /**
   * The cases, each with its machines: one case for each combination of the table's values, or a
   * single case without a table.
   */
  readonly cases: readonly (TestCase & {
    readonly combinations: readonly Combination[];
    /** For a bench: the count of `loop 8`. */
    readonly loopCount: number | null;
  })[];
  readonly forall: readonly ForallValues[];
}

export function testVariants(
  test: AnyTest,
  machine: ProgramMachine,
  scope: FileScope,
  registry: Registry,
  bag: DiagnosticBag,
): TestVariants {
  const cases = test.table === null
    ? [{ name: test.name, args: [], bound: new Map(), axes: [] }]
    : tableCases(test, test.table, scope, bag);
  const variants = withCombinations(test, cases, machine, scope, registry, bag);
  if (test.kind === "Bench") checkBench(test, variants, bag);
  return {
    cases: variants.map((each) => ({
      ...each,
      loopCount: test.kind === "Bench" ? loopCount(test, each.bound, scope, bag) : null,
    })),
    forall: test.kind === "Property" ? forallValues(test, scope, bag) : [],
  };
}

type CaseMachines = TestCase & { readonly combinations: readonly Combination[] };

/**
 * Adds the machines to each case. All cases have the same machines, unless a modifier uses a name
 * of the case.
 */
function withCombinations(
  test: AnyTest,
  cases: readonly TestCase[],
  machine: ProgramMachine,
  scope: FileScope,
  registry: Registry,
  bag: DiagnosticBag,
): readonly CaseMachines[] {
  const combinations = ({ bound }: TestCase, own: DiagnosticBag) =>
    combinationsOf(test.modifiers, machine, scope, registry, own, bound);
  const [first] = cases;
  if (first === undefined) return [];
  const ofFirst = combinations(first, bag);
  const isValue = (inner: Expression) => inner.kind === "Name" && first.bound.has(inner.name);
  const namesValue = test.modifiers.some(({ entries }) =>
    entries.some(({ value }) => someExpression(value, isValue))
  );
  return cases.map((each) => {
    if (each === first || !namesValue || bag.hasErrors) return { ...each, combinations: ofFirst };
    return { ...each, combinations: combinations(each, bag) };
  });
}

/** The count of `loop 8`; null if the loop has no count. */
function loopCount(
  { count }: BenchDeclaration,
  bound: TestCase["bound"],
  scope: FileScope,
  bag: DiagnosticBag,
): number | null {
  if (count === null) return null;
  const value = new ConstantEvaluator(scope, bag, bound).evaluate(count);
  if (value === undefined) return null;
  if (typeof value === "number" && value >= 1 && value <= MAX_LOOP_COUNT) return value;
  const range = `from 1 to ${groupThousands(MAX_LOOP_COUNT)}`;
  bag.error("E0405", count.span, `\`loop\` takes a number ${range}, not ${formatValue(value)}`);
  return null;
}

function forallValues(
  property: PropertyDeclaration,
  scope: FileScope,
  bag: DiagnosticBag,
): ForallValues[] {
  const evaluator = new ConstantEvaluator(scope, bag);
  const all: ForallValues[] = [];
  for (const { name, values: expression } of property.forall) {
    if (isSequenceCall(expression)) {
      const choices = readSequence(expression, evaluator, bag);
      if (choices !== null) all.push({ name: name.text, values: choices });
      continue;
    }
    const values = evaluator.evaluate(expression);
    if (values === undefined) continue;
    if (!(values instanceof RangeValue || values instanceof ListValue)) {
      bag.error("E0405", expression.span, "`forall` takes a range or a list");
    } else if (isEmpty(values)) {
      bag.error("E0405", expression.span, "The list or range is empty");
    } else {
      all.push({ name: name.text, values });
    }
  }
  return all;
}

/** The choices of `sequence(0..=20, { … })`. Mistakes in them go into the bag. */
function readSequence(
  call: CallExpression,
  evaluator: ConstantEvaluator,
  bag: DiagnosticBag,
): SequenceChoices | null {
  // The checker has already checked the number and the names of the arguments.
  const given = (name: string, place: number) => {
    const { arguments: all } = call;
    const argument = all.find((each) => each.name?.text === name) ?? all[place];
    return argument === undefined ? undefined : evaluator.evaluate(argument.value);
  };
  const length = given("length", 0);
  const of = given("of", 1);
  if (length === undefined || of === undefined) return null;
  const choices = sequenceChoices(length, of);
  if (typeof choices !== "string") return choices;
  bag.error("E0405", call.span, choices);
  return null;
}

function isEmpty(values: RangeValue | ListValue): boolean {
  return values instanceof RangeValue ? values.end <= values.first : values.items.length === 0;
}

/** The machines that a test runs on, the rows of its table, and the values of its `forall`. */
import type { ProgramMachine } from "../check/check_files.ts";
import { ConstantEvaluator } from "../compile/constant_value.ts";
import { isSequenceCall } from "../check/types/sequence_call.ts";
import type { FileScope } from "../check/names/file_scope.ts";
import { type Diagnostic, DiagnosticBag } from "../diagnostics/diagnostic.ts";
import type {
  BenchDeclaration,
  CallExpression,
  Expression,
  PropertyDeclaration,
  TestDeclaration,
  TestTable,
} from "../syntax/tree/ast.ts";
import { someExpression } from "../syntax/tree/walk.ts";
import type { Registry } from "../values/registry.ts";
import { type SequenceChoices, sequenceChoices } from "../values/sequences.ts";
import { ListValue, Quantity, RangeValue, type Value } from "../values/value.ts";
import { type Combination, combinationsOf } from "./combinations.ts";
import { formatValue } from "../render/value_text.ts";
import { freeze } from "../values/changes.ts";

/** More rows than anybody writes, or would wait for. */
const ROW_LIMIT = 1000;

/** One test of a table. */
interface TestTableRow {
  readonly name: string;
  /** What the test's function is called with. */
  readonly args: readonly Value[];
  /** What the row is called, for the test's modifiers. */
  readonly bound: ReadonlyMap<string, Value>;
}

/** The rows of a test's table, each with the name of its test; what is wrong goes into the bag. */
function tableRows(
  test: TestDeclaration,
  table: TestTable,
  scope: FileScope,
  bag: DiagnosticBag,
): readonly TestTableRow[] {
  const { span } = table.values;
  const values = new ConstantEvaluator(scope, bag).evaluate(table.values);
  if (values === undefined) return [];
  const rows = rowsOf(values);
  if (rows === null) {
    bag.error("E0405", span, "A table of tests is a list or a range");
    return [];
  }
  if (rows.length === 0 || rows.length > ROW_LIMIT) {
    const message = rows.length === 0
      ? "The table of tests is empty"
      : `The table has more than ${ROW_LIMIT} rows`;
    bag.error("E0405", span, message);
    return [];
  }
  const named: TestTableRow[] = [];
  const names = new Set<string>();
  for (const row of rows) {
    const name = nameOf(table, row, scope, bag);
    if (name === null) return [];
    if (names.has(name)) {
      bag.error(
        "E0325",
        test.nameSpan,
        `Two rows give their tests the same name: "${name}"`,
        `insert a value of the row into the name: \`{${table.name.text}}\` is the whole row`,
      );
      return [];
    }
    names.add(name);
    named.push({ name, args: [row], bound: new Map([[table.name.text, row]]) });
  }
  return named;
}

function keyOf({ code, span }: Diagnostic): string {
  return `${code} ${span.start}`;
}

function rowsOf(values: Value): readonly Value[] | null {
  if (values instanceof ListValue) return values.items.map(freeze);
  if (!(values instanceof RangeValue)) return null;
  const { end, first, kind } = values;
  const length = Math.min(Math.max(0, end - first), ROW_LIMIT + 1);
  return Array.from(
    { length },
    (_, at) => kind === "int" ? first + at : new Quantity(kind, first + at),
  );
}

function nameOf(
  { name, nameParts }: TestTable,
  row: Value,
  scope: FileScope,
  bag: DiagnosticBag,
): string | null {
  const own = new DiagnosticBag();
  const evaluator = new ConstantEvaluator(scope, own, new Map([[name.text, row]]));
  let text = "";
  for (const part of nameParts) {
    const value = typeof part === "string" ? part : evaluator.evaluate(part);
    if (value !== undefined) text += formatValue(value);
  }
  if (!own.hasErrors) return text;
  // A name or entry that is none has been found by the checker as well.
  const known = new Set(bag.sorted().map(keyOf));
  for (const problem of own.sorted()) if (!known.has(keyOf(problem))) bag.add(problem);
  return null;
}

export type AnyTest = TestDeclaration | PropertyDeclaration | BenchDeclaration;

/** A name of a property's `forall` and what it may be. */
export interface ForallValues {
  readonly name: string;
  readonly values: RangeValue | ListValue | SequenceChoices;
}

/** What is known of a test before it is compiled. */
export interface TestVariants {
  /** A test for each row of its table, one for a test without, and for each the machines it runs on. */
  readonly rows: readonly (TestTableRow & { readonly combinations: readonly Combination[] })[];
  readonly forall: readonly ForallValues[];
}

/** The machines a test runs on, and the values of its `forall`. */
export function testVariants(
  test: AnyTest,
  machine: ProgramMachine,
  scope: FileScope,
  registry: Registry,
  bag: DiagnosticBag,
): TestVariants {
  const rows = test.kind === "Test" && test.table !== null
    ? tableRows(test, test.table, scope, bag)
    : [{ name: test.name, args: [], bound: new Map() }];
  return {
    rows: withCombinations(test, rows, machine, scope, registry, bag),
    forall: test.kind === "Property" ? forallValues(test, scope, bag) : [],
  };
}

/** Rows with their machines: the same for all, unless what changes the machine names the row. */
function withCombinations(
  test: AnyTest,
  rows: readonly TestTableRow[],
  machine: ProgramMachine,
  scope: FileScope,
  registry: Registry,
  bag: DiagnosticBag,
): TestVariants["rows"] {
  const combinations = ({ bound }: TestTableRow, own: DiagnosticBag) =>
    combinationsOf(test.modifiers, machine, scope, registry, own, bound);
  const [first] = rows;
  if (first === undefined) return [];
  const ofFirst = combinations(first, bag);
  const isRow = (inner: Expression) => inner.kind === "Name" && first.bound.has(inner.name);
  const namesRow = test.modifiers.some(({ entries }) =>
    entries.some(({ value }) => someExpression(value, isRow))
  );
  return rows.map((row) => {
    if (row === first || !namesRow || bag.hasErrors) return { ...row, combinations: ofFirst };
    return { ...row, combinations: combinations(row, bag) };
  });
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

/** The choices of `sequence(0..=20, { … })`; what is wrong with them goes into the bag. */
function readSequence(
  call: CallExpression,
  evaluator: ConstantEvaluator,
  bag: DiagnosticBag,
): SequenceChoices | null {
  // How many arguments there are, and their names, the checker has looked at.
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

/** `test "size {c.size}" for c in cases`: a test for each row of a table. */
import { ConstantEvaluator } from "../compile/constant_value.ts";
import type { FileScope } from "../check/names/file_scope.ts";
import { type Diagnostic, DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { formatValue } from "../render/value_text.ts";
import type { TestDeclaration, TestTable } from "../syntax/tree/ast.ts";
import { freeze } from "../values/changes.ts";
import { ListValue, Quantity, RangeValue, type Value } from "../values/value.ts";

/** More rows than anybody writes, or would wait for. */
const ROW_LIMIT = 1000;

/** One test of a table. */
export interface TestTableRow {
  readonly name: string;
  /** What the test's function is called with. */
  readonly args: readonly Value[];
  /** What the row is called, for the test's modifiers. */
  readonly bound: ReadonlyMap<string, Value>;
}

/** The rows of a test's table, each with the name of its test; what is wrong goes into the bag. */
export function tableRows(
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

/**
 * Tables in comma-separated values (RFC 4180): a list of records, with the names in the first row.
 *
 * A cell that contains a number, a size, a duration, `true` or `false` in the language's syntax has
 * that value. An empty cell is `none`; any other cell is text.
 */
// @ts-types="@types/d3-dsv"
import { csvParseRows } from "d3-dsv";
import { formatCount } from "../text/numbers.ts";
import { readNumber } from "../syntax/tree/literals.ts";
import { DATA_VALUES } from "../values/limits.ts";
import type { DataProblem } from "../values/spec.ts";
import { ListValue, Quantity, Ratio, RecordValue, type Value } from "../values/value.ts";

/** A row with its position in the text. */
interface Row {
  readonly cells: readonly string[];
  readonly start: number;
  readonly end: number;
}

/** The rows of a table, or the first mistake in it. */
export function readCsv(given: string): { readonly value: Value } | DataProblem {
  const text = given.replace(/^\ufeff/, " ").replace(/^ /, "");
  const shift = given.length - text.length;
  const at = ({ end, start }: Row) => ({ start: start + shift, end: end + shift });
  const open = unclosedQuote(text);
  if (open !== null) {
    return { message: 'This `"` is not closed', start: open + shift, end: open + shift + 1 };
  }
  const [head, ...rows] = rowsOf(text);
  if (head === undefined) {
    return { message: "The first row, with the names, is missing", start: 0, end: 0 };
  }
  const names = head.cells.map((name) => name.trim());
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (names.includes("") || twice !== undefined) {
    const message = twice === undefined || twice === ""
      ? "A column has no name"
      : `Two columns are called "${twice}"`;
    return { message, ...at(head) };
  }
  if (names.length * rows.length > DATA_VALUES) {
    return { message: `There are more than ${DATA_VALUES} values`, ...at(rows[0]!) };
  }
  const ragged = rows.find(({ cells }) => cells.length !== names.length);
  if (ragged !== undefined) {
    const cells = formatCount(ragged.cells.length, "cell");
    const message = `This row has ${cells}, and the first row ${names.length}`;
    return { message, ...at(ragged) };
  }
  const records = rows.map(({ cells }) =>
    new RecordValue(new Map(cells.map((cell, index) => [names[index]!, cellValue(cell)])))
  );
  return { value: new ListValue(records) };
}

/** The rows with their positions; empty lines are not rows. */
function rowsOf(text: string): readonly Row[] {
  const rows: Row[] = [];
  // A cell may contain line ends: the row then has more than one line.
  const starts = [
    0,
    ...[...text.matchAll(/\r\n|\r|\n/g)].map(({ 0: end, index }) => index + end.length),
  ];
  let line = 0;
  for (const cells of csvParseRows(text)) {
    const start = starts[line]!;
    for (const cell of cells) line += cell.match(/\r\n|\r|\n/g)?.length ?? 0;
    line++;
    const next = starts[line] ?? text.length + 1;
    const end = start + text.slice(start, next).trimEnd().length;
    if (cells.length > 1 || cells[0] !== "") rows.push({ cells, start, end });
  }
  return rows;
}

/** The offset of the last quote if the number of quotes is odd, because that quote is unclosed. */
function unclosedQuote(text: string): number | null {
  let open: number | null = null;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) {
    open = open === null ? at : null;
  }
  return open;
}

function cellValue(cell: string): Value {
  const text = cell.trim();
  if (text === "") return null;
  if (text === "true" || text === "false") return text === "true";
  const digits = text.startsWith("-") ? text.slice(1) : text;
  if (!/^[0-9]/.test(digits)) return cell;
  const number = readNumber(digits);
  const sign = digits === text ? 1 : -1;
  switch (number.kind) {
    case "Integer":
      return number.value === 0 ? 0 : sign * number.value;
    case "Ratio":
      return new Ratio(sign * number.value);
    case "Size":
      return new Quantity("size", sign * number.value);
    case "Duration":
      return new Quantity("duration", sign * number.value);
    case "Address":
      return sign < 0 ? cell : new Quantity("dma", number.value);
    case "problem":
      return cell;
  }
}

/** Where two values that were to be equal differ, as lines for a reader. */
import type { Run } from "../values/run.ts";
import { formatCount, groupThousands } from "../text/numbers.ts";
import { quoted } from "../render/source_text.ts";
import { formatValue } from "../render/value_text.ts";
import { valuesEqual } from "../values/equality.ts";
import { findField } from "../values/types.ts";
import {
  BytesValue,
  Handle,
  ListValue,
  Quantity,
  RecordValue,
  type Value,
} from "../values/value.ts";

/** Bytes on one row of a dump, and rows that are shown. */
const ROW_BYTES = 16;
const SHOWN_ROWS = 4;
/** Places of a list or record that are shown. */
const SHOWN_PLACES = 6;
/** A text is cut to this many characters, around its first difference. */
const TEXT_CHARACTERS = 60;
const TEXT_BEFORE = 24;
/** Larger contents are not looked at for a message. */
const MOST_BYTES = 2 ** 24;

/** Lines that say where two values differ; none when there is no more to say than both values. */
export function differenceLines(left: Value, right: Value, run: Run): string[] {
  const leftBytes = contentOf(left, run);
  const rightBytes = contentOf(right, run);
  if (leftBytes !== null && rightBytes !== null) return byteLines(leftBytes, rightBytes);
  if (typeof left === "string" && typeof right === "string") return textLines(left, right);
  if (left instanceof Handle && right instanceof Handle && left.type === right.type) {
    const { target, type } = left;
    const lines = type.differences?.(target as never, right.target as never, run) ?? [];
    return lines.length === 0 ? [] : ["they differ in", ...lines.map((line) => `  ${line}`)];
  }
  const compound = left instanceof ListValue && right instanceof ListValue ||
    left instanceof RecordValue && right instanceof RecordValue;
  if (!compound) return [];
  const places = [...differences("", left, right, run)];
  const rest = places.length - SHOWN_PLACES;
  return [
    "they differ at",
    ...places.slice(0, SHOWN_PLACES).map((line) => `  ${line}`),
    ...rest > 0 ? [`  and ${formatCount(rest, "more place")}`] : [],
  ];
}

/** The bytes of a value that has a content; null for any other, and for what is too large. */
function contentOf(value: Value, run: Run): Uint8Array | null {
  if (value instanceof BytesValue) return value.bytes;
  if (!(value instanceof Handle)) return null;
  try {
    const size = fieldOf(value, "size", run);
    if (!(size instanceof Quantity) || size.value > MOST_BYTES) return null;
    const bytes = fieldOf(value, "bytes", run);
    return bytes instanceof BytesValue ? bytes.bytes : null;
  } catch {
    // A copy of it may be more than the script has left; the failure is told without it.
    return null;
  }
}

function fieldOf({ target, type }: Handle, name: string, run: Run): Value {
  return findField(type, name)?.get(target as never, run) ?? null;
}

// Bytes.

/** Rows of both sides one below the other, with marks below the bytes that differ. */
function byteLines(left: Uint8Array, right: Uint8Array): string[] {
  const length = Math.max(left.length, right.length);
  const rows: number[] = [];
  let count = 0;
  for (let at = 0; at < length; at++) {
    if (left[at] === right[at]) continue;
    count++;
    const row = at - at % ROW_BYTES;
    if (rows.at(-1) !== row) rows.push(row);
  }
  if (count === 0) return [];
  const sizes = left.length === right.length
    ? ""
    : ` (${left.length} bytes on the left, ${right.length} on the right)`;
  const rest = rows.length - SHOWN_ROWS;
  return [
    `${formatCount(count, "byte")} of ${groupThousands(length)} differ${
      count === 1 ? "s" : ""
    }${sizes}`,
    ...rows.slice(0, SHOWN_ROWS).flatMap((row) => rowLines(row, left, right)),
    ...rest > 0 ? [`  and in ${formatCount(rest, "more row")}`] : [],
  ];
}

function rowLines(row: number, left: Uint8Array, right: Uint8Array): string[] {
  const offset = `0x${row.toString(16).padStart(4, "0")}`;
  const blank = " ".repeat(offset.length);
  let marks = "";
  for (let at = row; at < row + ROW_BYTES; at++) marks += left[at] === right[at] ? "   " : "^^ ";
  return [
    `  ${offset}  left   ${hexRow(left, row)}`,
    `  ${blank}  right  ${hexRow(right, row)}`,
    `  ${blank}         ${marks.trimEnd()}`,
  ];
}

function hexRow(bytes: Uint8Array, row: number): string {
  return [...bytes.subarray(row, row + ROW_BYTES)]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join(" ");
}

// Text.

/** Long texts around their first difference; short ones are seen as they are. */
function textLines(left: string, right: string): string[] {
  if (left.length <= TEXT_CHARACTERS && right.length <= TEXT_CHARACTERS) return [];
  let at = 0;
  while (at < left.length && left[at] === right[at]) at++;
  if (at === left.length && at === right.length) return [];
  const from = Math.max(0, at - TEXT_BEFORE);
  return [
    `they differ from character ${at} on`,
    `  left   ${cutText(left, from)}`,
    `  right  ${cutText(right, from)}`,
  ];
}

function cutText(text: string, from: number): string {
  const cut = text.slice(from, from + TEXT_CHARACTERS);
  const more = from + TEXT_CHARACTERS < text.length ? "…" : "";
  return `${from > 0 ? "…" : ""}${quoted(cut)}${more}`;
}

// Lists and records.

/** Each place in which they differ, with its path from the whole. */
function* differences(path: string, left: Value, right: Value, run: Run): Generator<string> {
  if (left instanceof ListValue && right instanceof ListValue) {
    yield* listDifferences(path, left.items, right.items, run);
  } else if (left instanceof RecordValue && right instanceof RecordValue) {
    yield* recordDifferences(path, left, right, run);
  } else if (!sameValue(left, right, run)) {
    yield `${path}: ${formatValue(left, run, true)} is not ${formatValue(right, run, true)}`;
  }
}

function* listDifferences(
  path: string,
  left: readonly Value[],
  right: readonly Value[],
  run: Run,
): Generator<string> {
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    yield* differences(`${path}[${index}]`, left[index]!, right[index]!, run);
  }
  if (left.length !== right.length) {
    yield `${path}.length: ${left.length} is not ${right.length}`;
  }
}

function* recordDifferences(
  path: string,
  left: RecordValue,
  right: RecordValue,
  run: Run,
): Generator<string> {
  for (const [key, value] of left.entries) {
    const other = right.entries.get(key);
    if (other === undefined) yield `${path}.${key}: only on the left`;
    else yield* differences(`${path}.${key}`, value, other, run);
  }
  for (const key of right.entries.keys()) {
    if (!left.entries.has(key)) yield `${path}.${key}: only on the right`;
  }
}

/** Kinds that cannot be compared are different here: the comparison of the whole went by them. */
function sameValue(left: Value, right: Value, run: Run): boolean {
  try {
    return valuesEqual(left, right, run);
  } catch {
    return false;
  }
}

/** The differences between two values that should be equal, as lines. */
import type { ExecutionContext } from "../values/execution_context.ts";
import { formatCount, groupThousands } from "../text/numbers.ts";
import { quoted } from "../render/source_text.ts";
import { formatClipped } from "../render/value_text.ts";
import { valuesEqual } from "../values/equality.ts";
import { COMPARE_STEPS } from "../values/limits.ts";
import { LimitError } from "../values/script_error.ts";
import { findField } from "../values/types.ts";
import {
  BytesValue,
  Handle,
  ListValue,
  Quantity,
  RecordValue,
  type Value,
} from "../values/value.ts";

/** Number of bytes on one row of a dump; `DISPLAYED_ROWS`: limit of the rows that are shown. */
const ROW_BYTES = 16;
const DISPLAYED_ROWS = 4;
/** Limit of the places in a list or record that are shown. */
const DISPLAYED_PLACES = 6;
/** Limit of the characters of a value at one place. */
const PLACE_CHARACTERS = 200;
/** Limit of the comparisons that search for differing places. */
const MAX_COMPARISONS = 2 ** 17;
/** A text is cut to this many characters, around its first difference. */
const TEXT_CHARACTERS = 60;
const TEXT_BEFORE = 24;
/** Contents larger than this are not compared for a message. */
const MAX_BYTES = 2 ** 24;

/** Lines about the differences between two values; empty when showing both values says enough. */
export function differenceLines(left: Value, right: Value, context: ExecutionContext): string[] {
  const leftBytes = contentOf(left, context);
  const rightBytes = contentOf(right, context);
  if (leftBytes !== null && rightBytes !== null) return byteLines(leftBytes, rightBytes);
  if (typeof left === "string" && typeof right === "string") return textLines(left, right);
  if (left instanceof Handle && right instanceof Handle && left.type === right.type) {
    const { target, type } = left;
    const lines = type.differences?.(target as never, right.target as never, context) ?? [];
    return lines.length === 0 ? [] : ["they differ in", ...lines.map((line) => `  ${line}`)];
  }
  const compound = left instanceof ListValue && right instanceof ListValue ||
    left instanceof RecordValue && right instanceof RecordValue;
  if (!compound) return [];
  const places = new Places(context);
  places.compare("", left, right);
  const rest = places.count - DISPLAYED_PLACES;
  const more = `${places.looksLeft > 0 ? "" : "at least "}${formatCount(rest, "more place")}`;
  return [
    "they differ at",
    ...places.shown.map((line) => `  ${line}`),
    ...rest > 0 ? [`  and ${more}`] : [],
  ];
}

/**
 * The bytes of a value that has a content; null for other values, and if the content is too large.
 */
function contentOf(value: Value, context: ExecutionContext): Uint8Array | null {
  if (value instanceof BytesValue) return value.bytes;
  if (!(value instanceof Handle)) return null;
  try {
    const size = fieldOf(value, "size", context);
    if (!(size instanceof Quantity) || size.value > MAX_BYTES) return null;
    const bytes = fieldOf(value, "bytes", context);
    return bytes instanceof BytesValue ? bytes.bytes : null;
  } catch (error) {
    // Copying the content may exceed the script's memory limit; the failure is then reported
    // without the content.
    if (error instanceof LimitError && error.code !== "E0802") throw error;
    return null;
  }
}

function fieldOf({ target, type }: Handle, name: string, context: ExecutionContext): Value {
  return findField(type, name)?.get(target as never, context) ?? null;
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
  const rest = rows.length - DISPLAYED_ROWS;
  return [
    `${formatCount(count, "byte")} of ${groupThousands(length)} differ${
      count === 1 ? "s" : ""
    }${sizes}`,
    ...rows.slice(0, DISPLAYED_ROWS).flatMap((row) => rowLines(row, left, right)),
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

/**
 * Excerpts of long texts around their first difference; empty for short texts, which are shown
 * whole.
 */
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

/** The places in which two values differ, each with its path from the outermost value. */
class Places {
  readonly shown: string[] = [];
  count = 0;
  /**
   * Number of parts that may still be compared. It is limited because the number of comparisons can
   * grow exponentially if parts are shared.
   */
  looksLeft = MAX_COMPARISONS;

  constructor(readonly context: ExecutionContext) {}

  compare(path: string, left: Value, right: Value): void {
    if (this.looksLeft === 0) return;
    this.looksLeft--;
    this.context.work(COMPARE_STEPS);
    // Identical values have no parts that differ.
    if (left === right) return;
    if (left instanceof ListValue && right instanceof ListValue) {
      this.#compareItems(path, left.items, right.items);
    } else if (left instanceof RecordValue && right instanceof RecordValue) {
      this.#compareEntries(path, left, right);
    } else if (!sameValue(left, right, this.context)) {
      this.#add(() => {
        const [one, other] = [left, right].map((value) =>
          formatClipped(value, this.context, PLACE_CHARACTERS)
        );
        return `${path}: ${one} is not ${other}`;
      });
    }
  }

  #add(line: () => string): void {
    if (this.count++ < DISPLAYED_PLACES) this.shown.push(line());
  }

  #compareItems(path: string, left: readonly Value[], right: readonly Value[]): void {
    const length = Math.min(left.length, right.length);
    for (let index = 0; index < length && this.looksLeft > 0; index++) {
      this.compare(`${path}[${index}]`, left[index]!, right[index]!);
    }
    if (left.length !== right.length) {
      this.#add(() => `${path}.length: ${left.length} is not ${right.length}`);
    }
  }

  #compareEntries(path: string, left: RecordValue, right: RecordValue): void {
    for (const [key, value] of left.entries) {
      if (this.looksLeft === 0) return;
      const other = right.entries.get(key);
      if (other === undefined) this.#add(() => `${path}.${key}: only on the left`);
      else this.compare(`${path}.${key}`, value, other);
    }
    for (const key of right.entries.keys()) {
      if (!left.entries.has(key)) this.#add(() => `${path}.${key}: only on the right`);
    }
  }
}

/**
 * Whether two values are equal. Values of kinds that cannot be compared count as different here.
 * The comparison of the whole values ended before it reached such values, so it raised no error.
 */
function sameValue(left: Value, right: Value, context: ExecutionContext): boolean {
  try {
    return valuesEqual(left, right, context);
  } catch (error) {
    if (error instanceof LimitError) throw error;
    return false;
  }
}

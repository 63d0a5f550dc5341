/** A failed `assert`: the values of the parts of its condition, and where what was compared differs. */
import type { Run } from "../values/run.ts";
import { formatValue } from "../render/value_text.ts";
import type { AssertionInfo } from "./code.ts";
import { valuesEqual } from "../values/equality.ts";
import { ExpectationError, type ExplainedPart } from "./failure.ts";
import { ListValue, RecordValue, type Value } from "../values/value.ts";
import { differenceLines } from "./value_difference.ts";

/** Characters of one value under a source line, and those of its end that are kept. */
const VALUE_CHARACTERS = 60;
const END_CHARACTERS = 16;

/**
 * Describes a failed assertion.
 *
 * @param slots The frame's slots; a part that was not evaluated has none.
 * @param message The text after the comma, if there is one.
 */
export function failedAssertion(
  info: AssertionInfo,
  slots: (slot: number) => Value | undefined,
  message: string | null,
  run: Run,
): ExpectationError {
  const parts: ExplainedPart[] = [];
  for (const { anchor, slot } of info.parts) {
    const value = slots(slot);
    if (value !== undefined) parts.push({ anchor, text: shortValue(value, run) });
  }
  return new ExpectationError(
    "E0901",
    message === null ? "Assertion failed" : `Assertion failed: ${message}`,
    { span: info.condition, parts, notes: comparisonNotes(info, slots, run) },
  );
}

/** Where the two sides of the comparison that does not hold differ. */
function comparisonNotes(
  { compared }: AssertionInfo,
  slots: (slot: number) => Value | undefined,
  run: Run,
): string[] {
  for (const [leftSlot, rightSlot] of compared) {
    const left = slots(leftSlot);
    const right = slots(rightSlot);
    if (left === undefined || right === undefined || valuesEqual(left, right, run)) continue;
    return differenceLines(left, right, run);
  }
  return [];
}

/** A value on one line; of a long one the first items, or the beginning and the end. */
function shortValue(value: Value, run: Run): string {
  const text = formatValue(value, run, true).replaceAll("\n", " ");
  if (text.length <= VALUE_CHARACTERS) return text;
  if (value instanceof ListValue) {
    return shortItems("[", value.items, (item) => formatValue(item, run, true), "]") ?? cut(text);
  }
  if (value instanceof RecordValue) {
    const entry = ([key, value]: [string, Value]) => `${key}: ${formatValue(value, run, true)}`;
    return shortItems("{ ", [...value.entries], entry, " }") ?? cut(text);
  }
  return cut(text);
}

/** As many whole items as there is room for, and how many more there are; null if not even one fits. */
function shortItems<T>(
  open: string,
  items: readonly T[],
  itemText: (item: T) => string,
  close: string,
): string | null {
  let shown = "";
  for (const [index, item] of items.entries()) {
    const longer = `${shown}${index === 0 ? "" : ", "}${itemText(item).replaceAll("\n", " ")}`;
    const rest = `, … ${items.length - index - 1} more`;
    if (open.length + longer.length + rest.length + close.length > VALUE_CHARACTERS) {
      return index === 0 ? null : `${open}${shown}, … ${items.length - index} more${close}`;
    }
    shown = longer;
  }
  return `${open}${shown}${close}`;
}

function cut(text: string): string {
  const start = text.slice(0, VALUE_CHARACTERS - END_CHARACTERS - 3).trimEnd();
  return `${start} … ${text.slice(-END_CHARACTERS).trimStart()}`;
}

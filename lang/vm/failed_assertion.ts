/**
 * A failed `assert`: the values of the parts of its condition, and the differences between compared
 * values.
 */
import type { ExecutionContext } from "../values/execution_context.ts";
import { clipped } from "../diagnostics/clip.ts";
import { formatStart, type TextStart } from "../render/value_text.ts";
import type { AssertionInfo } from "./code.ts";
import { valuesEqual } from "../values/equality.ts";
import { ExpectationError, type ExplainedPart } from "./failure.ts";
import { ListValue, RecordValue, type Value } from "../values/value.ts";
import { differenceLines } from "./value_difference.ts";

/**
 * Largest number of characters of a value below a source line. `END_CHARACTERS` is the number of
 * characters that are kept from the end of a longer value.
 */
const VALUE_CHARACTERS = 60;
const END_CHARACTERS = 16;
/** Largest number of characters that are formatted to find the end of a value's text. */
const LOOKED_AT_CHARACTERS = 4096;

/**
 * Describes a failed assertion.
 *
 * @param slots The slots of the frame; a part that was not evaluated has no value in its slot.
 * @param message The text after the comma, if there is one.
 */
export function failedAssertion(
  info: AssertionInfo,
  slots: (slot: number) => Value | undefined,
  message: string | null,
  context: ExecutionContext,
): ExpectationError {
  const parts: ExplainedPart[] = [];
  for (const { anchor, slot } of info.parts) {
    const value = slots(slot);
    if (value !== undefined) parts.push({ anchor, text: shortValue(value, context) });
  }
  return new ExpectationError(
    "E0901",
    message === null ? "Assertion failed" : `Assertion failed: ${clipped(message)}`,
    { span: info.condition, parts, notes: comparisonNotes(info, slots, context) },
  );
}

/** Lines about the differences between the two sides of the `==` that is false. */
function comparisonNotes(
  { compared }: AssertionInfo,
  slots: (slot: number) => Value | undefined,
  context: ExecutionContext,
): string[] {
  for (const [leftSlot, rightSlot] of compared) {
    const left = slots(leftSlot);
    const right = slots(rightSlot);
    if (left === undefined || right === undefined || valuesEqual(left, right, context)) continue;
    return differenceLines(left, right, context);
  }
  return [];
}

/** A value on one line. A long value shows only its first items, or is cut with an ellipsis. */
function shortValue(value: Value, context: ExecutionContext): string {
  const whole = oneLine(value, context, LOOKED_AT_CHARACTERS);
  if (whole.whole && whole.text.length <= VALUE_CHARACTERS) return whole.text;
  if (value instanceof ListValue) {
    const { items } = value;
    return shortItems(["[", "]"], items, items.length, (item) => oneLine(item, context)) ??
      cut(whole);
  }
  if (value instanceof RecordValue) {
    const { entries } = value;
    return shortItems(["{ ", " }"], entries, entries.size, ([key, entry]) => {
      const { text, whole } = oneLine(entry, context);
      return { text: `${key}: ${text}`, whole };
    }) ?? cut(whole);
  }
  return cut(whole);
}

function oneLine(
  value: Value,
  context: ExecutionContext,
  characters = VALUE_CHARACTERS,
): TextStart {
  const { text, whole } = formatStart(value, context, characters);
  return { text: text.replaceAll("\n", " "), whole };
}

/** As many whole items as fit, and the number of the other items; null if not even one item fits. */
function shortItems<T>(
  [open, close]: readonly [string, string],
  items: Iterable<T>,
  count: number,
  itemText: (item: T) => TextStart,
): string | null {
  let shown = "";
  let index = 0;
  for (const item of items) {
    const { text, whole } = itemText(item);
    const longer = `${shown}${index === 0 ? "" : ", "}${text}`;
    const rest = `, … ${count - index - 1} more`;
    if (!whole || open.length + longer.length + rest.length + close.length > VALUE_CHARACTERS) {
      return index === 0 ? null : `${open}${shown}, … ${count - index} more${close}`;
    }
    shown = longer;
    index++;
  }
  return `${open}${shown}${close}`;
}

/** Cuts a text. The end of a very long value is not known. */
function cut({ text, whole }: TextStart): string {
  const start = text.slice(0, VALUE_CHARACTERS - END_CHARACTERS - 3).trimEnd();
  return whole ? `${start} … ${text.slice(-END_CHARACTERS).trimStart()}` : `${start} …`;
}

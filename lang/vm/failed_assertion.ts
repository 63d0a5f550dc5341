/** A failed `assert`: the values of the parts of its condition. */
import type { Run } from "../run/run.ts";
import { formatValue } from "../render/value_text.ts";
import type { AssertionInfo } from "./code.ts";
import { ExpectationError, type ExplainedPart } from "./failure.ts";
import { findMethod } from "./types.ts";
import { BytesValue, Handle, ListValue, type Value } from "./value.ts";

/** Characters of one value under a source line. */
const VALUE_CHARACTERS = 60;

/** Differences between two buffers that are listed. */
const DIFFERENCES = 4;

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
  const [left, right] = (info.compared ?? []).map(slots);
  return new ExpectationError(
    "E0901",
    message === null ? "Assertion failed" : `Assertion failed: ${message}`,
    { span: info.condition, parts, notes: differenceNotes(left, right, run) },
  );
}

/** Where two things that were to be equal differ, if their type can tell. */
function differenceNotes(left: Value | undefined, right: Value | undefined, run: Run): string[] {
  if (!(left instanceof Handle) || !(right instanceof Handle || right instanceof BytesValue)) {
    return [];
  }
  const method = findMethod(left.type, "differences");
  if (method === null || right instanceof Handle && right.type.name !== left.type.name) return [];
  const differences = method.run(run, left.target as never, [right]);
  if (!(differences instanceof ListValue)) return [];
  const { items } = differences;
  const shown = items.slice(0, DIFFERENCES).map((item) => formatValue(item, run, true));
  const rest = items.length - shown.length;
  const more = rest > 0 ? [`and ${rest} more`] : [];
  return items.length === 0
    ? []
    : ["they differ at", ...[...shown, ...more].map((line) => `  ${line}`)];
}

function shortValue(value: Value, run: Run): string {
  const text = formatValue(value, run, true).replaceAll("\n", " ");
  return text.length <= VALUE_CHARACTERS ? text : `${text.slice(0, VALUE_CHARACTERS - 1)}…`;
}

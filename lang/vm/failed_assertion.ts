/** A failed `assert`: the values of the parts of its condition. */
import type { Run } from "../run/run.ts";
import { formatValue } from "../render/value_text.ts";
import type { AssertionInfo } from "./code.ts";
import { ExpectationError, type ExplainedPart } from "./failure.ts";
import type { Value } from "./value.ts";

/** Characters of one value under a source line. */
const VALUE_CHARACTERS = 60;

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
    { span: info.condition, parts },
  );
}

function shortValue(value: Value, run: Run): string {
  const text = formatValue(value, run, true).replaceAll("\n", " ");
  return text.length <= VALUE_CHARACTERS ? text : `${text.slice(0, VALUE_CHARACTERS - 1)}…`;
}

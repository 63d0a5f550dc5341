/** The lines of a text, without their ends; the end of the last line begins no other. */
import { DATA_VALUES } from "../values/limits.ts";
import type { DataProblem } from "../values/spec.ts";
import { ListValue, type Value } from "../values/value.ts";

/** The lines, or that there are too many. */
export function readLines(text: string): { readonly value: Value } | DataProblem {
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines.length > DATA_VALUES
    ? { message: `There are more than ${DATA_VALUES} lines`, start: 0, end: 0 }
    : { value: new ListValue(lines) };
}

/** What `print`, `show` and `explain` say about a value. */
import type { Run } from "../run/run.ts";
import { pairLines } from "../render/columns.ts";
import { formatValue } from "../render/value_text.ts";
import { describeValue } from "./operators.ts";
import { ScriptError } from "./script_error.ts";
import { inherited } from "./types.ts";
import { Handle, ListValue, RecordValue, type Value } from "./value.ts";

/** The lines one of the three verbs writes. */
export function outputLines(
  verb: "print" | "show" | "explain",
  value: Value,
  run: Run,
): readonly string[] {
  switch (verb) {
    case "print":
      return formatValue(value, run).split("\n");
    case "show":
      return showLines(value, run);
    case "explain":
      return explainLines(value, run);
  }
}

function showLines(value: Value, run: Run): readonly string[] {
  if (value instanceof Handle) {
    const show = inherited(value.type, "show");
    if (show !== undefined) return show.call(value.type, value.target as never, run);
  }
  if (value instanceof ListValue && value.items.length > 0) {
    return value.items.map((item) => formatValue(item, run));
  }
  if (value instanceof RecordValue && value.entries.size > 0) {
    return pairLines(
      [...value.entries].map(([key, entry]) => [key, formatValue(entry, run, true)] as const),
      0,
    );
  }
  return formatValue(value, run).split("\n");
}

function explainLines(value: Value, run: Run): readonly string[] {
  if (value instanceof Handle) {
    const explain = inherited(value.type, "explain");
    if (explain !== undefined) return explain.call(value.type, value.target as never, run);
  }
  if (value instanceof ListValue && value.items.some((item) => item instanceof Handle)) {
    return value.items.flatMap((item) => explainLines(item, run));
  }
  throw new ScriptError(
    "E0913",
    `Nothing led to ${describeValue(value)} that could be explained`,
    "`explain` takes things of the machine: a request, an io, a device's limits",
  );
}

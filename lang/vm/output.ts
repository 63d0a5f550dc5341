/** The output of `print`, `show` and `explain` for a value. */
import type { HandleType } from "../values/spec.ts";
import type { ExecutionContext } from "../values/execution_context.ts";
import { formatValue } from "../render/value_text.ts";
import { describeValue } from "../values/operators.ts";
import { KindError } from "../values/script_error.ts";
import { inherited, typeAndTarget } from "../values/types.ts";
import { Handle, ListValue, RecordValue, type Value } from "../values/value.ts";

/** The lines that `print`, `show` or `explain` prints. */
export function outputLines(
  verb: "print" | "show" | "explain",
  value: Value,
  context: ExecutionContext,
  types: Types,
): Iterable<string> {
  switch (verb) {
    case "print":
      return formatValue(value, context).split("\n");
    case "show":
      return showLines(value, context, types);
    case "explain":
      return explainLines(value, context, types);
  }
}

/** Types by name, including those of plain values. */
type Types = ReadonlyMap<string, HandleType>;

function showLines(value: Value, context: ExecutionContext, types: Types): Iterable<string> {
  const table = tableOfSame(value, context);
  if (table !== null) return table;
  const found = typeAndTarget(value, types);
  if (found !== null) {
    const show = inherited(found.type, "show");
    if (show !== undefined) return show.call(found.type, found.target, context);
  }
  return formatValue(value, context).split("\n");
}

/**
 * For a list or record of handles that all have the same type: the table in which that type shows
 * several handles.
 */
function tableOfSame(value: Value, context: ExecutionContext): readonly string[] | null {
  const named: readonly (readonly [string, Value])[] = value instanceof RecordValue
    ? [...value.entries]
    : value instanceof ListValue
    ? value.items.map((item, index) => [String(index), item])
    : [];
  const first = named[0]?.[1];
  if (!(first instanceof Handle)) return null;
  const type: HandleType = first.type;
  if (type.showAll === undefined) return null;
  context.work(named.length);
  const targets: [string, never][] = [];
  for (const [name, item] of named) {
    if (!(item instanceof Handle) || item.type !== type) return null;
    targets.push([name, item.target as never]);
  }
  return type.showAll(targets, context);
}

function explainLines(value: Value, context: ExecutionContext, types: Types): readonly string[] {
  const found = typeAndTarget(value, types);
  if (found !== null) {
    const explain = inherited(found.type, "explain");
    if (explain !== undefined) return explain.call(found.type, found.target, context);
  }
  if (value instanceof ListValue && value.items.some((item) => item instanceof Handle)) {
    return value.items.flatMap((item) => explainLines(item, context, types));
  }
  throw new KindError(
    `No decision about ${describeValue(value)} can be explained`,
    "`explain` takes an address, or a thing of the machine: a request, an io, a device's limits",
  );
}

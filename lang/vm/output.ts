/** What `print`, `show` and `explain` say about a value. */
import type { TypeSpec } from "../values/spec.ts";
import type { Run } from "../values/run.ts";
import { pairLines } from "../text/columns.ts";
import { formatValue } from "../render/value_text.ts";
import { describeValue } from "../values/operators.ts";
import { ScriptError } from "../values/script_error.ts";
import { inherited, typeAndTarget } from "../values/types.ts";
import { Handle, ListValue, RecordValue, type Value } from "../values/value.ts";

/** The lines one of the three verbs writes. */
export function outputLines(
  verb: "print" | "show" | "explain",
  value: Value,
  run: Run,
  types: Types,
): Iterable<string> {
  switch (verb) {
    case "print":
      return formatValue(value, run).split("\n");
    case "show":
      return showLines(value, run, types);
    case "explain":
      return explainLines(value, run, types);
  }
}

/** Types by name: plain values have one too. */
type Types = ReadonlyMap<string, TypeSpec>;

function showLines(value: Value, run: Run, types: Types): Iterable<string> {
  const table = tableOfSame(value, run);
  if (table !== null) return table;
  const found = typeAndTarget(value, types);
  if (found !== null) {
    const show = inherited(found.type, "show");
    if (show !== undefined) return show.call(found.type, found.target, run);
  }
  if (value instanceof ListValue && value.items.length > 0) {
    return itemLines(value, run);
  }
  if (value instanceof RecordValue && value.entries.size > 0) {
    return pairLines(
      [...value.entries].map(([key, entry]) => [key, formatValue(entry, run, true)] as const),
      { columns: run.columns, indent: 0 },
    );
  }
  return formatValue(value, run).split("\n");
}

/** Lines as they are wanted: the output ends before many items do. */
function* itemLines({ items }: ListValue, run: Run): Generator<string> {
  for (const item of items) yield formatValue(item, run);
}

/** A list or record of things of one type as the table that the type makes of several. */
function tableOfSame(value: Value, run: Run): readonly string[] | null {
  const named: readonly (readonly [string, Value])[] = value instanceof RecordValue
    ? [...value.entries]
    : value instanceof ListValue
    ? value.items.map((item, index) => [String(index), item])
    : [];
  const first = named[0]?.[1];
  if (!(first instanceof Handle)) return null;
  const type: TypeSpec = first.type;
  if (type.showAll === undefined) return null;
  run.work(named.length);
  const targets: [string, never][] = [];
  for (const [name, item] of named) {
    if (!(item instanceof Handle) || item.type !== type) return null;
    targets.push([name, item.target as never]);
  }
  return type.showAll(targets, run);
}

function explainLines(value: Value, run: Run, types: Types): readonly string[] {
  const found = typeAndTarget(value, types);
  if (found !== null) {
    const explain = inherited(found.type, "explain");
    if (explain !== undefined) return explain.call(found.type, found.target, run);
  }
  if (value instanceof ListValue && value.items.some((item) => item instanceof Handle)) {
    return value.items.flatMap((item) => explainLines(item, run, types));
  }
  throw new ScriptError(
    "E0913",
    `No decision about ${describeValue(value)} can be explained`,
    "`explain` takes an address, or a thing of the machine: a request, an io, a device's limits",
  );
}

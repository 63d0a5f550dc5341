/** What `wait` waits for. */
import type { TypeSpec } from "../values/spec.ts";
import type { Run } from "../values/run.ts";
import { describeValue } from "../values/operators.ts";
import { ScriptError } from "../values/script_error.ts";
import { findField } from "../values/types.ts";
import { Handle, ListValue, type Value } from "../values/value.ts";

/** True when a thing with a field `.done` says so; a list is done when all of it is. */
export function isDone(value: Value, run: Run): boolean {
  if (value instanceof ListValue) return value.items.every((item) => isDone(item, run));
  if (value instanceof Handle) {
    const type: TypeSpec = value.type;
    const field = findField(type, "done");
    if (field !== null) return field.get(value.target as never, run) === true;
  }
  throw new ScriptError(
    "E0913",
    `Cannot wait for ${describeValue(value)}`,
    "`wait` takes what has a field `.done`: an io, a request, or a list of them",
  );
}

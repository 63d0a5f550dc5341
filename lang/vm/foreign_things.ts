/** Values that one machine may hand to another: all but things that are part of a machine. */
import type { TypeSpec } from "../values/spec.ts";
import { describeValue } from "../values/operators.ts";
import { ScriptError } from "../values/script_error.ts";
import { Closure, Handle, ListValue, RecordValue, type Value } from "../values/value.ts";

/** @throws {ScriptError} E0925 for a thing of a machine, or what holds one. */
export function refuseForeign(value: Value): void {
  const found = findForeign(value);
  if (found === null) return;
  throw new ScriptError(
    "E0925",
    `The block runs on other machines, and ${describeValue(found)} belongs to this one`,
    "make it inside the block, so that each machine has its own",
  );
}

function findForeign(value: Value): Handle | null {
  if (value instanceof Handle) {
    const type: TypeSpec = value.type;
    return type.portable === true ? null : value;
  }
  for (const part of partsOf(value)) {
    const found = findForeign(part);
    if (found !== null) return found;
  }
  return null;
}

function partsOf(value: Value): Iterable<Value> {
  if (value instanceof ListValue) return value.items;
  if (value instanceof RecordValue) return value.entries.values();
  return value instanceof Closure ? value.captured : [];
}

/** `place = value` for entries of records and items of lists, and `record with { … }`. */
import { didYouMean, itHas } from "../diagnostics/suggest.ts";
import { BUFFER_CHANGES, setEntry, setItem } from "../values/changes.ts";
import { ENTRY_BYTES, RECORD_BYTES } from "../values/limits.ts";
import { arithmetic, describeValue } from "../values/operators.ts";
import type { ExecutionContext } from "../values/execution_context.ts";
import { KindError, ScriptError } from "../values/script_error.ts";
import { Handle, ListValue, RecordValue, type Value } from "../values/value.ts";
import { position } from "./collections.ts";

/** The operator between a place and its value. */
export const enum ChangeBy {
  Assign,
  Add,
}

/**
 * `record.name = value`; with `+=` the value is added to the value of the entry.
 *
 * @throws {ScriptError} E0914 if the record has no such entry, because a misspelled name must not
 *   create an entry.
 */
export function changeField(
  object: Value,
  name: string,
  value: Value,
  by: ChangeBy,
  context: ExecutionContext,
): void {
  if (!(object instanceof RecordValue)) throw notChangeable(object, "field");
  changeEntry(object, name, value, by, context);
}

/**
 * `list[index] = value` and `record["key"] = value`.
 *
 * @throws {ScriptError} E0915 if the index is outside the list, E0914 if the record has no such
 *   entry.
 */
export function changeIndex(
  object: Value,
  index: Value,
  value: Value,
  by: ChangeBy,
  context: ExecutionContext,
): void {
  if (object instanceof ListValue) {
    const at = position(index, object.items.length, "list");
    setItem(
      object,
      at,
      by === ChangeBy.Add ? sum(object.items[at]!, value, context) : value,
      context,
    );
  } else if (object instanceof RecordValue && typeof index === "string") {
    changeEntry(object, index, value, by, context);
  } else throw notChangeable(object, "item");
}

/** A copy of a record with other values for entries that it has. */
export function copyWith(
  object: Value,
  keys: readonly string[],
  values: readonly Value[],
  context: ExecutionContext,
): RecordValue {
  if (!(object instanceof RecordValue)) {
    throw new KindError(`\`with\` copies a record, not ${describeValue(object)}`);
  }
  context.chargeMemory(RECORD_BYTES + ENTRY_BYTES * object.entries.size);
  const entries = new Map(object.entries);
  for (const [at, key] of keys.entries()) {
    if (!entries.has(key)) throw noEntry(object, key);
    entries.set(key, values[at]!);
  }
  return new RecordValue(entries, "script");
}

function changeEntry(
  record: RecordValue,
  name: string,
  value: Value,
  by: ChangeBy,
  context: ExecutionContext,
): void {
  const old = record.entries.get(name);
  if (old === undefined) throw noEntry(record, name);
  setEntry(record, name, by === ChangeBy.Add ? sum(old, value, context) : value, context);
}

function sum(old: Value, value: Value, context: ExecutionContext): Value {
  return arithmetic("+", old, value, (bytes) => context.chargeMemory(bytes));
}

function noEntry(record: RecordValue, name: string): ScriptError {
  const names = [...record.entries.keys()];
  const hint = didYouMean(name, names) ??
    (names.length === 0 ? "" : `${itHas(names)}; `) + `\`.set("${name}", …)\` adds an entry`;
  return new ScriptError("E0914", `A record has no entry \`${name}\``, hint);
}

function notChangeable(object: Value, what: "field" | "item"): ScriptError {
  if (object instanceof Handle || object instanceof RecordValue) {
    const { message, hint } = object instanceof Handle
      ? {
        message: `Cannot change ${describeValue(object)}: it belongs to the machine`,
        hint: object.type.name === "buffer" && what === "item"
          ? BUFFER_CHANGES
          : "only its functions and methods change it",
      }
      : { message: "An entry of a record is named by a string", hint: null };
    return new ScriptError("E0931", message, hint);
  }
  return new KindError(
    `Cannot change ${what === "field" ? "a field" : "an item"} of ${describeValue(object)}`,
    "records and lists change in place",
  );
}

/** `value.field` and `value.method(…)` while a script runs. */
import { didYouMean } from "../diagnostics/suggest.ts";
import type { MethodSpec, TypeSpec } from "../builtins/spec.ts";
import type { Run } from "../run/run.ts";
import { describeKind, kindOf } from "./kinds.ts";
import { ScriptError } from "./script_error.ts";
import { findField, findMethod, memberNames, typeAndTarget } from "./types.ts";
import { RecordValue, type Value } from "./value.ts";

/** A method and what it is called on. */
export interface Member {
  readonly method: MethodSpec;
  readonly target: never;
}

type Types = ReadonlyMap<string, TypeSpec>;

/**
 * The value of a field: an entry of a record, or what the value's type says.
 *
 * @throws {ScriptError} E0914 when there is none of that name.
 */
export function fieldOf(value: Value, name: string, run: Run, types: Types): Value {
  if (value instanceof RecordValue) {
    const entry = value.entries.get(name);
    if (entry !== undefined) return entry;
  }
  const found = typeAndTarget(value, types);
  const field = found === null ? null : findField(found.type, name);
  if (field !== null) return field.get(found!.target, run);
  throw noMember(value, name, types, "field");
}

/**
 * The method of a value.
 *
 * @throws {ScriptError} E0914 when there is none of that name.
 */
export function methodOf(value: Value, name: string, types: Types): Member {
  const found = typeAndTarget(value, types);
  const method = found === null ? null : findMethod(found.type, name);
  if (method !== null) return { method, target: found!.target };
  throw noMember(value, name, types, "method");
}

function noMember(
  value: Value,
  name: string,
  types: Types,
  what: "field" | "method",
): ScriptError {
  const noun = describeKind(kindOf(value));
  const found = typeAndTarget(value, types);
  const names = found === null ? [] : [...memberNames(found.type)];
  if (value instanceof RecordValue) names.push(...value.entries.keys());
  if (names.includes(name)) {
    return what === "field"
      ? new ScriptError("E0914", `\`${name}\` of ${noun} is a method`, `call it: \`.${name}(…)\``)
      : new ScriptError(
        "E0914",
        `\`${name}\` of ${noun} is not a method`,
        "leave the parentheses out",
      );
  }
  return new ScriptError(
    "E0914",
    `${capitalized(noun)} has no ${what} \`${name}\``,
    didYouMean(name, names) ?? hintFor(value, names),
  );
}

function hintFor(value: Value, names: readonly string[]): string | null {
  if (value === null) return "the value is none; test it before asking for more";
  return names.length === 0 ? null : `it has ${names.join(", ")}`;
}

function capitalized(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}

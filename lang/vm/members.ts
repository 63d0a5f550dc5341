/** Evaluates `value.field` and `value.method(…)`. */
import { didYouMean, itHas } from "../diagnostics/suggest.ts";
import type { FieldSpec, HandleType, MethodSpec } from "../values/spec.ts";
import type { ExecutionContext } from "../values/execution_context.ts";
import { typeOf } from "../values/value_types.ts";
import { ScriptError } from "../values/script_error.ts";
import {
  findField,
  findMethod,
  memberNames,
  memberProblem,
  typeAndTarget,
} from "../values/types.ts";
import { RecordValue, type Value } from "../values/value.ts";

/** A method and its receiver. */
export interface Member {
  /** The name of the receiver's type. */
  readonly type: string;
  readonly method: MethodSpec;
  readonly target: never;
}

type Types = ReadonlyMap<string, HandleType>;

/** Finds fields and methods, and caches the results: loops look up the same ones repeatedly. */
export class Members {
  readonly #fields = new Map<HandleType, Map<string, FieldSpec | null>>();
  readonly #methods = new Map<HandleType, Map<string, MethodSpec | null>>();

  /**
   * Also searches the registered type that has the same name as `type`: a laboratory may add fields
   * to a type, for example to the type of events.
   */
  readonly #findField = (type: HandleType, name: string): FieldSpec | null =>
    findField(type, name) ?? findField(this.types.get(type.name) ?? type, name);

  constructor(readonly types: Types) {}

  /**
   * The value of a field: an entry of a record, or a field of the value's type.
   *
   * @throws {ScriptError} E0914 if there is no field with that name.
   */
  field(value: Value, name: string, context: ExecutionContext): Value {
    if (value instanceof RecordValue) {
      const entry = value.entries.get(name);
      if (entry !== undefined) return entry;
    }
    const found = this.#own(value, name);
    if (found !== null) {
      const { field, target, type } = found;
      const { observer } = context;
      if (observer === undefined || observer === null) return field.get(target, context);
      const isThing = typeof target === "object" && target !== null;
      return field.get(isThing ? observer.field(type, target, name) as never : target, context);
    }
    throw noMember(value, name, this.types, "field");
  }

  /** Why a field has its value; null if the value's type does not explain the field. */
  explainField(value: Value, name: string, context: ExecutionContext): readonly string[] | null {
    const found = this.#own(value, name);
    return found?.field.explain?.(found.target, context) ?? null;
  }

  #own(value: Value, name: string): { type: string; field: FieldSpec; target: never } | null {
    const found = typeAndTarget(value, this.types);
    const field = found === null
      ? null
      : remembered(this.#fields, found.type, name, this.#findField);
    return field === null ? null : { type: found!.type.name, field, target: found!.target };
  }

  /**
   * The method of a value.
   *
   * @throws {ScriptError} E0914 if there is no method of that name.
   */
  method(value: Value, name: string): Member {
    const found = typeAndTarget(value, this.types);
    const method = found === null ? null : remembered(this.#methods, found.type, name, findMethod);
    if (method !== null) return { type: found!.type.name, method, target: found!.target };
    throw noMember(value, name, this.types, "method");
  }
}

function remembered<T>(
  memory: Map<HandleType, Map<string, T | null>>,
  type: HandleType,
  name: string,
  find: (type: HandleType, name: string) => T | null,
): T | null {
  let names = memory.get(type);
  if (names === undefined) memory.set(type, names = new Map());
  let found = names.get(name);
  if (found === undefined) names.set(name, found = find(type, name));
  return found;
}

function noMember(
  value: Value,
  name: string,
  types: Types,
  what: "field" | "method",
): ScriptError {
  const found = typeAndTarget(value, types);
  const own = value instanceof RecordValue ? value.entries.keys() : [];
  const names = [...new Set([...own, ...found === null ? [] : memberNames(found.type)])];
  const { message, use } = memberProblem(typeOf(value), name, names, what, types);
  return new ScriptError("E0914", message, use ?? didYouMean(name, names) ?? hintFor(value, names));
}

function hintFor(value: Value, names: readonly string[]): string | null {
  if (value === null) return "the value is none; test it before reading a field";
  return names.length === 0 ? null : itHas(names);
}

/** Fields and methods of values, by their types. */
import type { FieldSpec, Kind, MethodSpec, TypeSpec } from "./spec.ts";
import { kindOf } from "./kinds.ts";
import { Handle, type Value } from "./value.ts";

/** The type, then what it extends, nearest first. */
export function* typeChain(type: TypeSpec): Generator<TypeSpec> {
  let current: TypeSpec | undefined = type;
  while (current !== undefined) {
    yield current;
    current = current.extends;
  }
}

/** True when a thing of `type` is welcome where one named `wanted` is. */
export function isOfType(type: TypeSpec, wanted: string): boolean {
  // Asked for every argument of every call, where a generator would be most of the work.
  for (let candidate: TypeSpec | undefined = type; candidate; candidate = candidate.extends) {
    if (candidate.name === wanted) return true;
  }
  return false;
}

/** A type's field of that name, its own or an extended one. */
export function findField(type: TypeSpec, name: string): FieldSpec | null {
  for (const candidate of typeChain(type)) {
    const field = candidate.fields.find((field) => field.name === name);
    if (field !== undefined) return field;
  }
  return null;
}

/** A type's method of that name, its own or an extended one. */
export function findMethod(type: TypeSpec, name: string): MethodSpec | null {
  for (const candidate of typeChain(type)) {
    const method = candidate.methods.find((method) => method.name === name);
    if (method !== undefined) return method;
  }
  return null;
}

/** The nearest of a type's chain that has an optional part, such as `show`. */
export function inherited<K extends "show" | "explain" | "equals" | "index">(
  type: TypeSpec,
  part: K,
): TypeSpec[K] {
  for (const candidate of typeChain(type)) {
    if (candidate[part] !== undefined) return candidate[part];
  }
  return undefined;
}

/** Every name after the dot that a type knows, for suggestions and completion. */
export function memberNames(type: TypeSpec): readonly string[] {
  const names = new Set<string>();
  for (const candidate of typeChain(type)) {
    for (const field of candidate.fields) names.add(field.name);
    for (const method of candidate.methods) names.add(method.name);
  }
  return [...names];
}

/** The kind of a type's things. */
export function kindOfType(type: TypeSpec): `@${string}` {
  return `@${type.name}`;
}

/** The type that describes what is behind a kind's dot; undefined for `any` and kinds without. */
export function typeOfKind(
  kind: Kind,
  types: ReadonlyMap<string, TypeSpec>,
): TypeSpec | undefined {
  return types.get(kind.startsWith("@") ? kind.slice(1) : kind);
}

/** The type of a value, and what its fields and methods get as their target. */
export function typeAndTarget(
  value: Value,
  types: ReadonlyMap<string, TypeSpec>,
): { readonly type: TypeSpec; readonly target: never } | null {
  // A type's functions take its own target; only the type itself knows which that is.
  if (value instanceof Handle) return { type: value.type, target: value.target as never };
  const type = types.get(kindOf(value));
  return type === undefined ? null : { type, target: value as never };
}

/** Fields and methods of values, by their types. */
import type { FieldSpec, HandleType, MethodSpec, Type } from "./spec.ts";
import { capitalized, typeOf, typeText } from "./value_types.ts";
import { Handle, type Value } from "./value.ts";

/** Names of the fields of the record that a `fork` returns, one for each of its blocks. */
export const BRANCH_NAMES: readonly string[] = ["first", "second", "third", "fourth"];

/** The type, then the types that it extends, nearest first. */
export function* typeChain(type: HandleType): Generator<HandleType> {
  let current: HandleType | undefined = type;
  while (current !== undefined) {
    yield current;
    current = current.extends;
  }
}

/** Whether a handle of `type` is accepted where the type named `wanted` is expected. */
export function isOfType(type: HandleType, wanted: string): boolean {
  // Called for every argument of every call: a generator would be too slow.
  for (let candidate: HandleType | undefined = type; candidate; candidate = candidate.extends) {
    if (candidate.name === wanted) return true;
  }
  return false;
}

/** A type's own or inherited field with that name. */
export function findField(type: HandleType, name: string): FieldSpec | null {
  return nearest(type, ({ fields }) => fields().find((field) => field.name === name)) ?? null;
}

/** A type's own or inherited method with that name. */
export function findMethod(type: HandleType, name: string): MethodSpec | null {
  return nearest(type, ({ methods }) => methods?.find((method) => method.name === name)) ?? null;
}

/** The optional part, such as `show`, of the nearest type in the chain that has this part. */
export function inherited<
  K extends "show" | "explain" | "isWrong" | "equals" | "index" | "endedNs",
>(
  type: HandleType,
  part: K,
): HandleType[K] {
  return nearest(type, (candidate) => candidate[part]);
}

function nearest<T>(
  type: HandleType,
  find: (candidate: HandleType) => T | undefined,
): T | undefined {
  // Called for every `wait`: a generator would be too slow.
  for (let candidate: HandleType | undefined = type; candidate; candidate = candidate.extends) {
    const found = find(candidate);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Names of all fields and methods of a type, for suggestions and completion. */
export function memberNames(type: HandleType): readonly string[] {
  const names = new Set<string>();
  for (const candidate of typeChain(type)) {
    for (const field of candidate.fields()) names.add(field.name);
    for (const method of candidate.methods ?? []) names.add(method.name);
  }
  return [...names];
}

/**
 * The message for a name after a dot that is not a field, or not a method.
 *
 * @returns `message`, and `use`. If the member is a method instead of a field, or the other way
 *   round, `use` says how to use it. If the name does not exist, `use` is its replacement. If
 *   neither applies, `use` is undefined.
 */
export function memberProblem(
  object: Type,
  name: string,
  members: readonly string[],
  wanted: "field" | "method",
  types: ReadonlyMap<string, HandleType>,
): { readonly message: string; readonly use: string | undefined } {
  const noun = typeText(object);
  if (!members.includes(name)) {
    const type = handleTypeOf(object, types);
    const use = type &&
      nearest(
        type,
        ({ gone }) => gone !== undefined && Object.hasOwn(gone, name) ? gone[name] : undefined,
      );
    const sort = wanted === "method" && type?.isCode === true ? "function" : wanted;
    return { message: `${capitalized(noun)} has no ${sort} \`${name}\``, use };
  }
  return wanted === "field"
    ? { message: `\`${name}\` of ${noun} is a method`, use: `call it: \`.${name}(…)\`` }
    : { message: `\`${name}\` of ${noun} is not a method`, use: "write it without parentheses" };
}

export function typeOfHandles(type: HandleType): `@${string}` {
  return `@${type.name}`;
}

/** The type with the members of a kind; undefined for `any` and for kinds without members. */
export function handleTypeOf(
  type: Type,
  types: ReadonlyMap<string, HandleType>,
): HandleType | undefined {
  return types.get(type.startsWith("@") ? type.slice(1) : type);
}

export function typeAndTarget(
  value: Value,
  types: ReadonlyMap<string, HandleType>,
): { readonly type: HandleType; readonly target: never } | null {
  // A type's functions take the type's own target, so the cast is safe.
  if (value instanceof Handle) return { type: value.type, target: value.target as never };
  const type = types.get(typeOf(value));
  return type === undefined ? null : { type, target: value as never };
}

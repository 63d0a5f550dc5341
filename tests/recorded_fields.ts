/** Makes copies of a record of golden data, each with one changed field. */
import type { Json } from "./conformance/difference.ts";

type Key = string | number;

export interface RecordedChange<T> {
  /** The field's name in the table of given fields (tests/conformance/given.ts). */
  readonly name: string;
  /**
   * Returns a copy of the record in which the field has another value, or the list lacks its last
   * item.
   */
  apply(record: T): T;
}

/** The place of a change: a field, or a list that loses its last item. */
interface Place {
  readonly name: string;
  readonly path: readonly Key[];
  readonly value: Json;
  readonly change: (value: Json) => Json;
}

/**
 * The changes of a record: each changes one field, or shortens one list by its last item.
 *
 * @param name The name of the record itself; empty if its fields need no name before them.
 * @param isGiven Whether a field with this value is an input, so that the field is not compared.
 */
export function* changesOf<T>(
  record: T,
  name = "",
  isGiven: (field: string, value: Json) => boolean = () => false,
): Generator<RecordedChange<T>> {
  for (const { change, name: field, path, value } of placesIn(record as Json, name, [])) {
    if (isGiven(field, value)) continue;
    yield { name: field, apply: (other) => changed(other as Json, path, change) as T };
  }
}

/** The name of a list's item: `.` and its call or operation, or `[]` without one. */
function itemName(item: Json): string {
  if (Array.isArray(item)) return typeof item[0] === "string" ? `.${item[0]}` : "[]";
  if (typeof item === "object" && item !== null) {
    const { call, op } = item as { readonly call?: Json; readonly op?: Json };
    if (typeof call === "string") return `.${call}`;
    if (typeof op === "string") return `.${op}`;
  }
  return "[]";
}

function isValue(item: Json): boolean {
  return typeof item !== "object" || item === null;
}

function* placesIn(value: Json, name: string, path: readonly Key[]): Generator<Place> {
  if (Array.isArray(value)) {
    // The values of a list are numbered if the list is itself an item of a list.
    const isItem = typeof path.at(-1) === "number" || path.length === 0;
    for (const [index, item] of value.entries()) {
      const own = isValue(item) && isItem ? `[${index}]` : itemName(item);
      yield* placesIn(item, `${name}${own}`, [...path, index]);
    }
    const last = value.at(-1);
    if (last !== undefined && !isItem) {
      yield { name: `${name}${itemName(last)}`, path, value, change: withoutLast };
    }
    return;
  }
  if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      yield* placesIn(item, name === "" ? key : `${name}.${key}`, [...path, key]);
    }
    return;
  }
  yield { name, path, value, change: otherValue };
}

function withoutLast(list: Json): Json {
  return (list as readonly Json[]).slice(0, -1);
}

/** Another value of the same type. */
function otherValue(value: Json): Json {
  switch (typeof value) {
    case "number":
      return value + 1;
    case "boolean":
      return !value;
    case "string":
      // A digit stays a digit. In the kernel's message about wider addresses, the number before
      // `-bit` is changed, because only this number of the message is compared.
      return value.replace(/\d+(?=-bit)|.$/, (last) => last === "0" ? "1" : "0");
    default:
      return 1;
  }
}

function changed(value: Json, path: readonly Key[], change: (value: Json) => Json): Json {
  const [key, ...rest] = path;
  if (key === undefined) return change(value);
  if (Array.isArray(value)) {
    return value.map((item, index) => index === key ? changed(item, rest, change) : item);
  }
  const record = value as { readonly [key: string]: Json };
  return { ...record, [key]: changed(record[key]!, rest, change) };
}

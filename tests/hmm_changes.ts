/** Changes of what operations on maps, ranges and memory are recorded to answer. */
import type { Json } from "./conformance/difference.ts";

/** Entries of lists of frames are given their numbers: they are changed by hand in a test. */
export const BY_HAND = /\.pfns/;
/** What a range that no address of the model reaches says: as given. */
const BEYOND = /^0x[0-9a-f]{16,}$/;

/** A field, and the record with another value there. */
interface Change {
  readonly name: string;
  readonly apply: () => Json;
}

export function* changesOf(value: Json, name: string): Generator<Change> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const { apply, name: field } of changesOf(item, `${name}${itemName(item)}`)) {
        yield { name: field, apply: () => value.with(index, apply()) };
      }
    }
    if (value.length > 0) yield { name: `${name}[]`, apply: () => value.slice(0, -1) };
    return;
  }
  if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      for (const { apply, name: field } of changesOf(item, `${name}.${key}`)) {
        yield { name: field, apply: () => ({ ...value, [key]: apply() }) };
      }
    }
    return;
  }
  if (typeof value !== "string" || !BEYOND.test(value)) {
    yield { name, apply: () => otherValue(value) };
  }
}

function itemName(item: Json): string {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return "";
  const { call, op } = item as { readonly call?: Json; readonly op?: Json };
  return `<${call ?? op}>`;
}

function otherValue(value: Json): Json {
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  // The kernel's sentence on wider addresses is compared by its number.
  return typeof value === "string" ? value.replace(/\d+(?=-bit)|.$/, "1?") : 1;
}

/** Event fields in the language: their kinds, and the values that they can equal. */
import type { Field, FieldKind } from "@dmalab/runtime/vocabulary";
import { comparableNumbers, isNumeric } from "./value_types.ts";
import type { Registry } from "./registry.ts";
import type { Type } from "./spec.ts";

const KINDS: Readonly<Record<FieldKind, Type>> = {
  dma: "dma",
  phys: "phys",
  virt: "virt",
  size: "size",
  duration: "duration",
  int: "int",
  bool: "bool",
  word: "word",
  text: "string",
  site: "string",
  words: "list",
  names: "list",
  leaves: "list",
  segments: "list",
  table_runs: "list",
  nothing: "nothing",
};

/** The kind of a field's value in the language. */
export function fieldType({ kind }: Field): Type {
  return KINDS[kind];
}

/**
 * The fields with a name in the events of a pattern. For `result`, this includes the field `error`,
 * because a call that raises an error has no other result.
 */
export function fieldsNamed(events: Iterable<string>, name: string, registry: Registry): Field[] {
  const found: Field[] = [];
  for (const event of events) {
    const fields = { ...registry.commonFields, ...registry.eventFields(event) };
    if (Object.hasOwn(fields, name)) found.push(fields[name]!);
    if (name === "result" && "error" in fields) found.push(fields.error!);
  }
  return found;
}

/** True when a field can ever equal a value of a kind. The values are compared as in patterns. */
export function canEqual(field: Field, type: Type): boolean {
  if (type === "any") return true;
  if (type === "nothing") return field.isOptional || field.kind === "nothing";
  // Events contain names of things, such as a device's name or a request's number.
  const isThing = type.startsWith("@");
  switch (fieldType(field)) {
    case "dma":
    case "phys":
    case "virt":
    case "size":
    case "duration":
      return isNumeric(type) && comparableNumbers(field.kind as "dma", type);
    case "int":
      return isNumeric(type) || isThing;
    case "word":
    case "string":
      return type === "word" || type === "string" || isThing;
    case "nothing":
      return false;
    default:
      return type === fieldType(field);
  }
}

/** The words that some fields can contain; null if one of the fields may contain other words. */
export function wordsIn(fields: readonly Field[]): readonly string[] | null {
  if (fields.some(({ sets }) => sets.length === 0)) return null;
  return [...new Set(fields.flatMap(({ sets }) => sets.flatMap(({ docs }) => Object.keys(docs))))];
}

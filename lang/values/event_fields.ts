/** What fields of events are to the language: their kinds, and the values that they can ever equal. */
import type { Field, FieldKind } from "@dmalab/runtime/vocabulary";
import { comparableNumbers, isNumeric } from "./kinds.ts";
import type { Registry } from "./registry.ts";
import type { Kind } from "./spec.ts";

const KINDS: Readonly<Record<FieldKind, Kind>> = {
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

/** The kind of value that a field becomes. */
export function fieldKind({ kind }: Field): Kind {
  return KINDS[kind];
}

/**
 * The fields that a name in a pattern may mean, of the events that are meant there. The result of a
 * call that raises is its error.
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

/** True when a field can ever equal a value of a kind, as patterns compare. */
export function canEqual(field: Field, kind: Kind): boolean {
  if (kind === "any") return true;
  if (kind === "nothing") return field.isOptional || field.kind === "nothing";
  // Events name things: a device by its name, a request by its number.
  const isThing = kind.startsWith("@");
  switch (fieldKind(field)) {
    case "dma":
    case "phys":
    case "virt":
    case "size":
    case "duration":
      return isNumeric(kind) && comparableNumbers(field.kind as "dma", kind);
    case "int":
      return isNumeric(kind) || isThing;
    case "word":
    case "string":
      return kind === "word" || kind === "string" || isThing;
    case "nothing":
      return false;
    default:
      return kind === fieldKind(field);
  }
}

/** The words that some fields can hold; null when one of them can hold others. */
export function wordsIn(fields: readonly Field[]): readonly string[] | null {
  if (fields.some(({ sets }) => sets.length === 0)) return null;
  return [...new Set(fields.flatMap(({ sets }) => sets.flatMap(({ docs }) => Object.keys(docs))))];
}

/** Fields of events as values of the language. */
import {
  CALL_ARGUMENTS,
  EVENT_TABLE,
  type FieldKind,
  type FieldValue,
  type KernelCall,
} from "../../runtime/event_vocabulary.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import { formatFieldValue } from "../render/event_line.ts";
import { fieldReading } from "../render/field_kinds.ts";
import { spanPlace } from "../source.ts";
import type { Run } from "../values/run.ts";
import { ListValue, Quantity, RecordValue, type Value } from "../values/value.ts";
import { list, size, word } from "./arguments.ts";
import type { Kind } from "../values/spec.ts";

/** What a call's end carries. */
const RESULT_FIELDS = ["result", "error"];

/** The fields an event carries, by name; those of calls hold what their names say. */
export function eventFields(eventName: string): ReadonlyMap<string, FieldKind> {
  const entry = EVENT_TABLE[eventName as keyof typeof EVENT_TABLE] as
    | { readonly fields: Readonly<Record<string, FieldKind>> }
    | undefined;
  if (entry !== undefined) return new Map(Object.entries(entry.fields));
  const call = eventName.replace(/^(call|ret)\./, "");
  if (call === eventName || !Object.hasOwn(CALL_ARGUMENTS, call)) return new Map();
  const names = eventName.startsWith("ret.") ? RESULT_FIELDS : CALL_ARGUMENTS[call as KernelCall];
  return new Map(names.map((name) => [name, "value"]));
}

type Reading = FieldKind | "site" | "segments";

/** How a field reads: as the vocabulary says, and by its name where that leaves it open. */
function readingOf(eventName: string, field: string): Reading {
  const kind = eventFields(eventName).get(field) ?? "value";
  return kind === "value" ? fieldReading(eventName, field) : kind;
}

const KINDS: Readonly<Record<Reading, Kind>> = {
  dma: "dma",
  phys: "phys",
  virt: "virt",
  size: "size",
  int: "int",
  bool: "bool",
  word: "word",
  text: "string",
  site: "string",
  words: "list",
  leaves: "list",
  segments: "list",
  value: "any",
};

/** The kind of value that a field becomes. */
export function fieldKind(eventName: string, field: string): Kind {
  return KINDS[readingOf(eventName, field)];
}

/** A field of an event as a value: addresses, sizes and words by what their names say. */
export function fieldValue(event: MachineEvent, field: string, run: Run): Value {
  const fields = event.fields as Readonly<Record<string, FieldValue | undefined>>;
  const raw = fields[field];
  // A call that raises has no other result than its error, which has a name here, and no number.
  const isNumberOfError = raw === null || typeof raw === "number" && raw < 0;
  if (field === "result" && isNumberOfError && typeof fields["error"] === "string") {
    return word(fields["error"]);
  }
  if (raw === undefined || raw === null) return null;
  const reading = readingOf(event.name, field);
  if (Array.isArray(raw)) {
    const pairs = raw as readonly (readonly [number, number])[];
    if (reading === "leaves") return new ListValue(pairs.map(leafValue));
    if (reading === "segments") return new ListValue(pairs.map(segmentValue));
    return list((raw as readonly string[]).map(word));
  }
  if (typeof raw === "boolean") return raw;
  if (typeof raw === "string") return reading === "text" ? raw : word(raw);
  if (typeof raw !== "number") return null;
  if (raw < 0 && (reading === "dma" || reading === "phys" || reading === "virt")) return null;
  switch (reading) {
    case "dma":
    case "phys":
    case "virt":
    case "size":
      return new Quantity(reading, raw);
    case "site": {
      const span = run.siteSpan(raw);
      return span === null ? null : spanPlace(span);
    }
    default:
      return raw;
  }
}

/** An input of a decision: a number, a truth, a word, or text for a list. */
export function plainInput(input: FieldValue): Value {
  if (input === null || typeof input === "number" || typeof input === "boolean") return input;
  return typeof input === "string" ? word(input) : formatFieldValue("value", input);
}

function leafValue([sizeBytes, count]: readonly [number, number]): Value {
  return new RecordValue(new Map<string, Value>([["size", size(sizeBytes)], ["count", count]]));
}

function segmentValue([phys, sizeBytes]: readonly [number, number]): Value {
  return new RecordValue(
    new Map<string, Value>([["phys", new Quantity("phys", phys)], ["size", size(sizeBytes)]]),
  );
}

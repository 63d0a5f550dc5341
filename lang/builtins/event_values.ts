/** Fields of events as values of the language. */
import { wordValue } from "./words.ts";
import { fieldOf, type FieldValue, isReturn, type MachineEvent } from "@dmalab/runtime";
import { type Field, INT } from "@dmalab/runtime/vocabulary";
import { formatFieldValue } from "../render/event_line.ts";
import { spanPlace } from "../source.ts";
import type { ExecutionContext } from "../values/execution_context.ts";
import { ListValue, Quantity, RecordValue, type Value } from "../values/value.ts";
import { size } from "./arguments.ts";

/** A field of an event as a value; none if the event has no such field. */
export function fieldValue(event: MachineEvent, name: string, context: ExecutionContext): Value {
  const field = fieldOf(event, name);
  const raw: unknown = Reflect.get(event.fields, name) ?? null;
  if (name === "result" && isReturn(event)) {
    // The only result of a call that raises an error is that error. The error is a name in the
    // event's field, not a number.
    const { error } = event.fields;
    if (error !== null && (raw === null || typeof raw === "number" && raw < 0)) {
      return wordValue(error);
    }
  }
  return field === null || raw === null ? null : valueOf(field, raw, context);
}

function valueOf({ kind }: Field, raw: unknown, context: ExecutionContext): Value {
  switch (kind) {
    case "dma":
    case "phys":
    case "virt":
      return raw as number < 0 ? null : new Quantity(kind, raw as number);
    case "size":
    case "duration":
      return new Quantity(kind, raw as number);
    case "int":
    case "bool":
    case "text":
      return raw as number | boolean | string;
    case "word":
      return wordValue(raw as string);
    case "site": {
      const span = context.siteSpan(raw as number);
      return span === null ? null : spanPlace(span);
    }
    case "words":
    case "names":
      return new ListValue((raw as readonly string[]).map(wordValue));
    case "leaves":
      return new ListValue((raw as readonly Pair[]).map(leafValue));
    case "segments":
      return new ListValue((raw as readonly Pair[]).map(segmentValue));
    case "table_runs":
      return new ListValue((raw as readonly TableRun[]).map(tableRunValue));
    case "nothing":
      return null;
  }
}

type Pair = readonly [number, number];
type TableRun = readonly [virt: number, dma: number, sizeBytes: number, prot: string];

/** An input of a decision: a number, a boolean or a word. A list is formatted as text. */
export function plainInput(input: FieldValue): Value {
  if (input === null || typeof input === "number" || typeof input === "boolean") return input;
  return typeof input === "string" ? wordValue(input) : formatFieldValue(INT, input);
}

function leafValue([sizeBytes, count]: Pair): Value {
  return new RecordValue(new Map<string, Value>([["size", size(sizeBytes)], ["count", count]]));
}

function segmentValue([phys, sizeBytes]: Pair): Value {
  return new RecordValue(
    new Map<string, Value>([["phys", new Quantity("phys", phys)], ["size", size(sizeBytes)]]),
  );
}

function tableRunValue([virt, dma, sizeBytes, prot]: TableRun): Value {
  return new RecordValue(
    new Map<string, Value>([
      ["virt", new Quantity("virt", virt)],
      ["dma", new Quantity("dma", dma)],
      ["size", size(sizeBytes)],
      ["prot", wordValue(prot)],
    ]),
  );
}

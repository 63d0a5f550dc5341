/** Parses lines of a `.dmatrace.jsonl` file into values, and checks each against the format. */
import type { LabConfig } from "@dmalab/devices";
import { eventFields, eventNumber } from "@dmalab/runtime";
import { isQuirkName } from "@dmalab/runtime/kernels";
import { type Field, isAddress } from "@dmalab/runtime/vocabulary";
import {
  TRACE_VERSION,
  type TraceEnd,
  type TraceEvent,
  type TraceFileLine,
  type TraceHead,
  type TraceMachine,
  type TraceOutcome,
  type TraceRun,
} from "./trace_line.ts";

/** The mistake in a line. */
export interface TraceProblem {
  /** A sentence without its full stop. */
  readonly problem: string;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads a file line by line; the first line must be its head. Newer writers may add fields and events
 * without changing the version of the format. Therefore unknown fields are kept unchanged. An unknown
 * event is a problem, because its fields cannot be interpreted.
 *
 * @example
 * ```ts
 * import { TraceReader } from "./trace_reader.ts";
 *
 * const reader = new TraceReader();
 * const head = reader.read('{"dmatrace":1,"by":"dmalab 0.1.0"}');
 * if ("problem" in head) throw new Error(head.problem);
 * ```
 */
export class TraceReader {
  #begun = false;

  /**
   * Reads the next line.
   * @param text The line, without its end.
   */
  read(text: string): TraceFileLine | TraceProblem {
    const json = parseObject(text);
    if (json === null) return { problem: "This is not a JSON object" };
    if (!this.#begun) {
      const head = readHead(json);
      this.#begun = !("problem" in head);
      return head;
    }
    if ("seq" in json) return readEvent(json);
    if ("run" in json) return readAs<TraceRun>(json, RUN_FIELDS);
    if ("outcome" in json) return readAs<TraceOutcome>(json, OUTCOME_FIELDS);
    if ("runs" in json) return readAs<TraceEnd>(json, END_FIELDS);
    return { problem: "No line of a trace has none of `seq`, `run`, `outcome` and `runs`" };
  }
}

/** The configuration for `buildLab`. @throws {RangeError} When a defect's name is unknown. */
export function labConfigOf({ quirks, ...machine }: TraceMachine): LabConfig {
  if (quirks === null) return { ...machine, quirks };
  const unknown = quirks.find((name) => !isQuirkName(name));
  if (unknown !== undefined) throw new RangeError(`There is no defect "${unknown}"`);
  return { ...machine, quirks: new Set(quirks.filter(isQuirkName)) };
}

function parseObject(text: string): Json | null {
  try {
    const read: unknown = JSON.parse(text);
    return isObject(read) ? read : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readHead(json: Json): TraceHead | TraceProblem {
  const { by, dmatrace } = json;
  if (typeof dmatrace !== "number") {
    return { problem: 'A trace begins with a line such as {"dmatrace":1,"by":"dmalab 0.1.0"}' };
  }
  if (dmatrace > TRACE_VERSION) {
    return { problem: `This trace has version ${dmatrace}; read are those up to ${TRACE_VERSION}` };
  }
  return { dmatrace, by: typeof by === "string" ? by : "" };
}

type JsonKind = "number" | "string" | "object" | "object or null";
type Fields = Readonly<Record<string, JsonKind>>;

const NAME_FIELDS: Fields = {
  kind: "string",
  name: "string",
  combination: "string",
  place: "string",
};
const RUN_FIELDS: Fields = { run: "number", file: "string", ...NAME_FIELDS, machine: "object" };
const OUTCOME_FIELDS: Fields = { outcome: "string", ...NAME_FIELDS, failure: "object or null" };
const END_FIELDS: Fields = { runs: "number", events: "number" };
const EVENT_FIELDS: Fields = {
  seq: "number",
  at_ns: "number",
  cpu: "number",
  name: "string",
  fields: "object",
};

/**
 * A line that has these fields. The writer's own types ensure that the values match the type `T`.
 */
function readAs<T extends TraceFileLine>(
  json: Json,
  fields: Fields,
): T | TraceProblem {
  return missingField(json, fields) ?? json as object as T;
}

function missingField(json: Json, fields: Fields): TraceProblem | null {
  for (const [name, kind] of Object.entries(fields)) {
    if (!isOfKind(json[name], kind)) {
      return { problem: `\`${name}\` must be a ${kind}, not ${JSON.stringify(json[name])}` };
    }
  }
  return null;
}

function isOfKind(value: unknown, kind: JsonKind): boolean {
  switch (kind) {
    case "number":
      return typeof value === "number";
    case "string":
      return typeof value === "string";
    case "object":
      return isObject(value);
    case "object or null":
      return value === null || isObject(value);
  }
}

function readEvent(json: Json): TraceEvent | TraceProblem {
  const wrong = missingField(json, EVENT_FIELDS);
  if (wrong !== null) return wrong;
  const name = String(json.name);
  if (eventNumber(name) < 0) return { problem: `There is no event "${name}"` };
  const fields = json.fields as Json;
  for (const [field, spec] of Object.entries(eventFields(name))) {
    if (fitsField(fields[field], spec)) continue;
    const wanted = `${spec.kind}${spec.isOptional ? " or null" : ""}`;
    const given = JSON.stringify(fields[field]);
    return { problem: `\`${field}\` of ${name} must be a ${wanted}, not ${given}` };
  }
  const { device = null, request = null, site = null, why = null, ...rest } = json;
  return { ...rest, device, request, site, why } as object as TraceEvent;
}

function fitsField(value: unknown, field: Field): boolean {
  if (value === null) return field.isOptional || field.kind === "nothing";
  if (isAddress(field)) return typeof value === "number";
  switch (field.kind) {
    case "size":
    case "duration":
    case "int":
      return typeof value === "number";
    case "bool":
      return typeof value === "boolean";
    case "words":
    case "names":
    case "leaves":
    case "segments":
    case "table_runs":
      return Array.isArray(value);
    case "nothing":
      return false;
    default:
      // Any string is accepted: newer releases may use new words.
      return typeof value === "string";
  }
}

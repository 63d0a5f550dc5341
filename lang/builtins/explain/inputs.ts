/** What a decision looked at, as it was recorded. */
import type { Why } from "../../../runtime/events.ts";
import { formatFieldValue } from "../../render/event_line.ts";
import type { FieldReading } from "../../render/field_kinds.ts";

/** Inputs of a decision on one line: `payload 128KiB, segments 32`. */
export function formatInputs(inputs: Why["inputs"]): string {
  return Object.entries(inputs).map(([name, input]) =>
    `${name.replace(/_bytes$/, "")} ${formatFieldValue(inputReading(name), input)}`
  ).join(", ");
}

function inputReading(name: string): FieldReading {
  if (name.endsWith("_bytes")) return "size";
  return name.includes("address") ? "dma" : "value";
}

/** The inputs of a decision, as recorded. */
import type { Why } from "@dmalab/runtime";
import { formatFieldValue } from "../../render/event_line.ts";
import { DMA, type Field, INT, SIZE } from "@dmalab/runtime/vocabulary";

/** Inputs of a decision on one line: `payload 128KiB, segments 32`. */
export function formatInputs(inputs: Why["inputs"]): string {
  return Object.entries(inputs).map(([name, input]) =>
    `${name.replace(/_bytes$/, "")} ${formatInput(name, input)}`
  ).join(", ");
}

/** A single input: `128KiB`. */
export function formatInput(name: string, input: Why["inputs"][string]): string {
  return formatFieldValue(inputField(name), input);
}

export function inputField(name: string): Field {
  if (name.endsWith("_bytes")) return SIZE;
  return name.includes("address") ? DMA : INT;
}

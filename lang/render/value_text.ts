/** Values as one line of text, the way a script would write them. */
import type { Run } from "../values/run.ts";
import {
  BytesValue,
  Closure,
  Handle,
  ListValue,
  Quantity,
  RangeValue,
  Ratio,
  RecordValue,
  type Value,
  Word,
} from "../values/value.ts";
import {
  formatAddress,
  formatDuration,
  formatHexBytes,
  formatRatio,
  formatSize,
} from "../text/numbers.ts";
import { quoted } from "./source_text.ts";

/** Items of a list, entries of a record and bytes shown before the rest is only counted. */
const SHOWN_ITEMS = 16;
const SHOWN_BYTES = 32;

/** A size, duration or address as its literal. */
export function formatQuantity(quantity: Quantity): string {
  if (quantity.kind === "size") return formatSize(quantity.value);
  if (quantity.kind === "duration") return formatDuration(quantity.value);
  return formatAddress(quantity.value);
}

/**
 * Any value on one line.
 *
 * @param value The value.
 * @param run The run the value belongs to; without one, things of the machine show their type only.
 * @param nested True inside a list or record, where strings keep their quotes.
 */
export function formatValue(value: Value, run: Run | null = null, nested = false): string {
  if (value === null) return "none";
  if (typeof value === "string") return nested ? quoted(value) : value;
  if (typeof value !== "object") return String(value);
  if (value instanceof Quantity) return formatQuantity(value);
  if (value instanceof Word) return value.name;
  if (value instanceof Ratio) return formatRatio(value.value);
  if (value instanceof RangeValue) return formatRange(value);
  if (value instanceof BytesValue) return formatBytes(value.bytes);
  if (value instanceof Closure) return value.name === "" ? "a function" : `fn ${value.name}`;
  if (value instanceof ListValue) {
    return `[${shorten(value.items.map((item) => formatValue(item, run, true)))}]`;
  }
  if (value instanceof RecordValue) {
    const entries = [...value.entries].map(([key, entry]) =>
      `${key}: ${formatValue(entry, run, true)}`
    );
    return entries.length === 0 ? "{}" : `{ ${shorten(entries)} }`;
  }
  return formatHandle(value, run);
}

function formatHandle(handle: Handle, run: Run | null): string {
  return run === null ? handle.type.name : handle.type.format(handle.target as never, run);
}

function formatRange(range: RangeValue): string {
  const end = (value: number) =>
    range.kind === "int" ? String(value) : formatQuantity(new Quantity(range.kind, value));
  return `${end(range.first)}..${end(range.end)}`;
}

function formatBytes(bytes: Uint8Array): string {
  const shown = formatHexBytes(bytes.subarray(0, SHOWN_BYTES));
  return bytes.length <= SHOWN_BYTES
    ? `bytes"${shown}"`
    : `bytes"${shown} …" (${formatSize(bytes.length)})`;
}

function shorten(texts: readonly string[]): string {
  return texts.length <= SHOWN_ITEMS
    ? texts.join(", ")
    : `${texts.slice(0, SHOWN_ITEMS).join(", ")}, … ${texts.length - SHOWN_ITEMS} more`;
}

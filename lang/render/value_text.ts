/** Values as one line of text, in the syntax of a script. */
import type { ExecutionContext } from "../values/execution_context.ts";
import {
  BytesValue,
  Closure,
  EnumValue,
  type Handle,
  ListValue,
  Quantity,
  RangeValue,
  Ratio,
  RecordValue,
  type Value,
} from "../values/value.ts";
import {
  formatAddress,
  formatDuration,
  formatHexBytes,
  formatRatio,
  formatSize,
} from "../text/numbers.ts";
import { deeper } from "../values/depth.ts";
import { CHARACTER_BYTES, FORMAT_STEPS, VALUE_DEPTH } from "../values/limits.ts";
import { quoted } from "./source_text.ts";

/**
 * Maximum number of list items, record entries and bytes that are shown; further ones are only
 * counted.
 */
const DISPLAYED_ITEMS = 16;
const DISPLAYED_BYTES = 32;

/** A size, duration or address as its literal. */
export function formatQuantity(quantity: Quantity): string {
  if (quantity.kind === "size") return formatSize(quantity.value);
  if (quantity.kind === "duration") return formatDuration(quantity.value);
  return formatAddress(quantity.value);
}

/**
 * Any value on one line. The text is a new value, so making it costs work and memory of the run.
 *
 * @param value The value.
 * @param context The run to which the value belongs; without a run, handles show only their type.
 * @param nested True inside a list or record, where strings keep their quotes.
 * @throws {LimitError} When the run has not enough memory or work left for the text.
 */
export function formatValue(
  value: Value,
  context: ExecutionContext | null = null,
  nested = false,
): string {
  const writer = new ValueWriter(context, null);
  writer.value(value, nested);
  return writer.text;
}

export interface TextStart {
  readonly text: string;
  /** Whether the text is complete. */
  readonly whole: boolean;
}

/**
 * The beginning of the text of {@linkcode formatValue}. Later parts are not formatted, so the cost
 * is the same however large the value is. Strings inside lists and records keep their quotes.
 *
 * @param characters Stop after this many characters; the text may be somewhat longer.
 */
export function formatStart(
  value: Value,
  context: ExecutionContext | null,
  characters: number,
): TextStart {
  const writer = new ValueWriter(context, characters);
  writer.value(value, true);
  return { text: writer.text, whole: !writer.stopped };
}

/** Limit of the characters of one value in output that a script requests. */
export const DISPLAYED_CHARACTERS = 2 ** 16;

/** Limit of the characters of one value in a message's sentence. */
const SENTENCE_CHARACTERS = 1000;

/** The text of {@linkcode formatStart}, with an ellipsis if it is not complete. */
export function formatClipped(
  value: Value,
  context: ExecutionContext | null,
  characters: number,
): string {
  const { text, whole } = formatStart(value, context, characters);
  return whole ? text : `${text}…`;
}

/** A value as a part of a sentence: its text, or only the beginning if the text is long. */
export function formatInSentence(value: Value, context: ExecutionContext | null): string {
  if (typeof value === "string") {
    return value.length <= SENTENCE_CHARACTERS ? value : `${value.slice(0, SENTENCE_CHARACTERS)}…`;
  }
  return formatClipped(value, context, SENTENCE_CHARACTERS);
}

/** Writes values one after the other, and stops at the requested length. */
class ValueWriter {
  text = "";
  /** True if there was more to write. */
  stopped = false;
  #depth = 0;

  /**
   * @param enough The number of characters after which the writer stops. Null for no limit; the
   *   characters are then charged to the run.
   */
  constructor(readonly context: ExecutionContext | null, readonly enough: number | null) {}

  #write(text: string): void {
    if (this.enough === null) {
      this.context?.chargeMemory(CHARACTER_BYTES * text.length);
      this.text += text;
    } else this.text += text.length > this.enough ? text.slice(0, this.enough) : text;
  }

  /** Whether enough was written; the rest is then left out. */
  #isEnough(): boolean {
    if (this.enough !== null && this.text.length >= this.enough) this.stopped = true;
    return this.stopped;
  }

  value(value: Value, nested: boolean): void {
    if (this.#isEnough()) return;
    if (this.enough === null) this.context?.work(FORMAT_STEPS);
    if (value instanceof ListValue || value instanceof RecordValue) {
      if (this.enough !== null && this.#depth === VALUE_DEPTH) {
        this.stopped = true;
        return;
      }
      this.#depth = deeper(this.#depth);
      if (value instanceof ListValue) this.#list(value);
      else this.#record(value);
      this.#depth--;
    } else if (typeof value === "string") this.#string(value, nested);
    else this.#write(plainText(value, this.context));
  }

  #string(value: string, nested: boolean): void {
    const { enough } = this;
    if (enough !== null && value.length > enough) {
      this.stopped = true;
      this.#write(quoted(value.slice(0, enough)));
    } else this.#write(nested ? quoted(value) : value);
  }

  #list({ items }: ListValue): void {
    this.#write("[");
    for (let at = 0; at < Math.min(items.length, DISPLAYED_ITEMS); at++) {
      if (this.#isEnough()) return;
      if (at > 0) this.#write(", ");
      this.value(items[at]!, true);
    }
    this.#write(`${moreItems(items.length)}]`);
  }

  #record({ entries }: RecordValue): void {
    if (entries.size === 0) return this.#write("{}");
    let at = 0;
    for (const [key, value] of entries) {
      if (this.#isEnough()) return;
      if (at === DISPLAYED_ITEMS) break;
      this.#write(`${at++ === 0 ? "{ " : ", "}${key}: `);
      this.value(value, true);
    }
    this.#write(`${moreItems(entries.size)} }`);
  }
}

function plainText(
  value: Exclude<Value, string | ListValue | RecordValue>,
  context: ExecutionContext | null,
) {
  if (value === null) return "none";
  if (typeof value !== "object") return String(value);
  if (value instanceof Quantity) return formatQuantity(value);
  if (value instanceof EnumValue) return value.name;
  if (value instanceof Ratio) return formatRatio(value.value);
  if (value instanceof RangeValue) return formatRange(value);
  if (value instanceof BytesValue) return formatBytes(value.bytes);
  if (value instanceof Closure) return value.name === "" ? "a function" : `fn ${value.name}`;
  const { target, type }: Handle = value;
  return context === null ? type.name : type.format(target as never, context);
}

function formatRange(range: RangeValue): string {
  const end = (value: number) =>
    range.kind === "int" ? String(value) : formatQuantity(new Quantity(range.kind, value));
  return `${end(range.first)}..${end(range.end)}`;
}

function formatBytes(bytes: Uint8Array): string {
  const shown = formatHexBytes(bytes.subarray(0, DISPLAYED_BYTES));
  return bytes.length <= DISPLAYED_BYTES
    ? `bytes"${shown}"`
    : `bytes"${shown} …" (${formatSize(bytes.length)})`;
}

function moreItems(count: number): string {
  return count <= DISPLAYED_ITEMS ? "" : `, … ${count - DISPLAYED_ITEMS} more`;
}

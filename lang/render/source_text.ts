/** Values in the syntax of a script: parsing the text gives the same value. */
import {
  BytesValue,
  EnumValue,
  ListValue,
  Quantity,
  RangeValue,
  Ratio,
  RecordValue,
  type Value,
} from "../values/value.ts";
import { formatAddress, formatHexBytes, formatSize } from "../text/numbers.ts";

/**
 * A value as an expression of the language. The value may be any value that a constant can have:
 * numbers of all kinds, text, bytes, words, ranges, and lists and records of them.
 *
 * @example
 * ```ts
 * import { Quantity } from "../values/value.ts";
 *
 * sourceText(new Quantity("duration", 1200)); // "1200ns"
 * ```
 */
export function sourceText(value: Value): string {
  if (value === null) return "none";
  if (typeof value === "string") return quoted(value);
  if (typeof value !== "object") return String(value);
  if (value instanceof Quantity) return quantityText(value.value, value.kind);
  if (value instanceof EnumValue) return value.name;
  if (value instanceof Ratio) return String(value.value);
  if (value instanceof RangeValue) {
    return `${operand(value.first, value.kind)}..${operand(value.end, value.kind)}`;
  }
  if (value instanceof BytesValue) return `bytes"${formatHexBytes(value.bytes)}"`;
  if (value instanceof ListValue) return `[${value.items.map(sourceText).join(", ")}]`;
  if (value instanceof RecordValue) {
    const entries = [...value.entries].map(([key, entry]) => `${key}: ${sourceText(entry)}`);
    return `{ ${entries.join(", ")} }`;
  }
  throw new Error("Things of a machine and functions are no constants");
}

/** A text as a string literal without inserted values. */
export function quoted(text: string): string {
  return `"${text.replace(ESCAPED, escape)}"`;
}

/** Characters that have to be escaped in a string, and invisible ones. */
// deno-lint-ignore no-control-regex
const ESCAPED = /[\\"{}\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

const NAMED_ESCAPES: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\0": "\\0",
};

function escape(character: string): string {
  const named = NAMED_ESCAPES[character];
  if (named !== undefined) return named;
  return /[\\"{}]/.test(character)
    ? `\\${character}`
    : `\\u{${character.charCodeAt(0).toString(16)}}`;
}

function quantityText(value: number, kind: Quantity["kind"] | "int"): string {
  switch (kind) {
    case "int":
      return String(value);
    case "size":
      // `formatSize` prints the largest size as a word, which is not valid in a script.
      return value === Number.MAX_SAFE_INTEGER ? `${value}B` : formatSize(value);
    case "duration":
      return `${value}ns`;
    case "virt":
      // A script has no `as virt`, and needs none: an int is converted to the required kind.
      return formatAddress(value);
    case "phys":
    case "dma":
      return `${formatAddress(value)} as ${kind}`;
  }
}

/**
 * The text of an operand. A cast is put in parentheses, because the operator around it binds
 * tighter than the cast.
 */
function operand(value: number, kind: Quantity["kind"] | "int"): string {
  const text = quantityText(value, kind);
  return kind === "phys" || kind === "dma" ? `(${text})` : text;
}

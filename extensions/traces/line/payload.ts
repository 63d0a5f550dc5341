/**
 * The fields of an event in a trace line, `device dir=TO_DEVICE dma_addr=fffff000 size=4096`. They
 * are parsed from the line's bytes, without creating strings for unneeded parts.
 *
 * @see rules/traces.md T.13, T.15
 */
import { KnownTexts } from "./known_texts.ts";

/**
 * Represents the result of a failed map, which is printed as all ones. No number below 2^53 is
 * equal to all ones. Therefore a negative number represents it, because no address is negative.
 */
export const ERROR_ADDRESS = -1;
const BLANK = 0x20;
const TAB = 0x09;
const COMMA = 0x2c;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const CLOSING_PARENTHESIS = 0x29;
const EQUALS = 0x3d;
const LINE_END = 0x0a;
const RETURN = 0x0d;
const ZERO = 0x30;
const LETTER_X = 0x78;
const MAX_DIGITS = 16;
/**
 * Number of hex digits that fit into 52 bits. Their value is exact, in whatever order the digits
 * are summed up.
 */
const EXACT_DIGITS = 13;
/** Number of digits that fit into a small integer. */
const PART_DIGITS = 7;
/**
 * 16 to the power of each number of digits. This is a table because `**` calls a C library
 * function.
 */
const POWERS = Float64Array.from({ length: PART_DIGITS + 1 }, (_, digits) => 16 ** digits);
const PART = POWERS[PART_DIGITS]!;

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** The value of each byte as a hex digit, or -1. */
const HEX_DIGITS = Int8Array.from({ length: 256 }, (_, code) => {
  const digit = "0123456789abcdef".indexOf(String.fromCharCode(code).toLowerCase());
  return digit;
});

/** The bytes of a key in a payload: a blank, the name and `=`. */
export type PayloadKey = Uint8Array;

/**
 * Encodes a key for searching. Call it once for each key and keep the result, because most of the
 * work on a line is the search for keys.
 */
export function payloadKey(name: string): PayloadKey {
  return ENCODER.encode(` ${name}=`);
}

function endsValue(code: number): boolean {
  return code === BLANK || code === COMMA || code === LINE_END || code === CLOSING_BRACE ||
    code === CLOSING_PARENTHESIS || code === RETURN;
}

/**
 * The text after an event's name, within a buffer that holds other lines too. It is valid until the
 * next line is read. The byte after the end of the text also ends a value.
 */
export class PayloadFields {
  bytes: Uint8Array = new Uint8Array([LINE_END]);
  start = 0;
  end = 0;
  /**
   * Offset after the field that was found last. A search begins here, because fields are usually
   * searched for in the order of the text.
   */
  #next = 0;
  #text: string | null = "";
  readonly #words = new KnownTexts((text) => text);

  set(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.start = this.#next = start;
    this.end = end;
    this.#text = null;
  }

  setText(text: string): void {
    const bytes = ENCODER.encode(`${text}\n`);
    this.set(bytes, 0, bytes.length - 1);
  }

  /** The whole text. */
  get text(): string {
    return this.#text ??= DECODER.decode(this.bytes.subarray(this.start, this.end));
  }

  /** The first word; always the same string for the same text. */
  get firstWord(): string {
    return this.wordAt(this.start);
  }

  /** The value that `known` has for the first word. */
  firstWordAs<Value>(known: KnownTexts<Value>): Value {
    return known.of(this.bytes, this.start, this.#wordEnd(this.start));
  }

  /** The word that begins at `from`, up to the next blank or the end. */
  wordAt(from: number): string {
    return this.#words.of(this.bytes, from, this.#wordEnd(from));
  }

  #wordEnd(from: number): number {
    const { bytes, end } = this;
    let at = from;
    while (at < end && bytes[at] !== BLANK) at++;
    return at;
  }

  startsWith(head: Uint8Array): boolean {
    return this.end - this.start >= head.length && isAt(this.bytes, this.start, head);
  }

  /** The first offset of some bytes, or -1. */
  indexOf(wanted: Uint8Array, from = this.start): number {
    const { bytes } = this;
    const last = this.end - wanted.length;
    const first = wanted[0];
    for (let at = from; at <= last; at++) {
      if (bytes[at] === first && isAt(bytes, at, wanted)) return at;
    }
    return -1;
  }

  /** The offset of a key's value, or -1. */
  valueStart(key: PayloadKey): number {
    let at = this.indexOf(key, this.#next);
    if (at < 0 && this.#next > this.start) at = this.indexOf(key);
    return at < 0 ? -1 : this.#next = at + key.length;
  }

  has(key: PayloadKey): boolean {
    return this.valueStart(key) >= 0;
  }

  /** The value of a key; always the same string for the same text. */
  word(key: PayloadKey): string | null {
    const start = this.valueStart(key);
    return start < 0 ? null : this.valueAt(start);
  }

  /** The value that `known` has for a key's text; null if the payload lacks the key. */
  wordAs<Value>(key: PayloadKey, known: KnownTexts<Value>): Value | null {
    const start = this.valueStart(key);
    return start < 0 ? null : known.of(this.bytes, start, this.#valueEnd(start));
  }

  /** The value that begins at `start`; always the same string for the same text. */
  valueAt(start: number): string {
    return this.#words.of(this.bytes, start, this.#valueEnd(start));
  }

  #valueEnd(start: number): number {
    let end = start;
    while (!endsValue(this.bytes[end]!)) end++;
    return end;
  }

  /** The text of a key's value; of an array, the text between its braces. */
  valueText(key: PayloadKey): string | null {
    const start = this.valueStart(key);
    if (start < 0) return null;
    if (this.bytes[start] !== OPENING_BRACE) return this.valueAt(start);
    const end = this.#braceEnd(start);
    return end < 0 ? null : DECODER.decode(this.bytes.subarray(start + 1, end));
  }

  decimal(key: PayloadKey): number | null {
    const start = this.valueStart(key);
    return start < 0 ? null : this.decimalAt(start);
  }

  /** The decimal number that begins at `start`; null if none begins there. */
  decimalAt(start: number): number | null {
    const { bytes } = this;
    let value = 0;
    let at = start;
    while (true) {
      const digit = bytes[at]! - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      at++;
    }
    return at > start && at - start < MAX_DIGITS && endsValue(bytes[at]!) ? value : null;
  }

  /** The decimal number that ends at `end`; null if none ends there. */
  decimalBefore(end: number): number | null {
    return this.decimalAt(this.#wordStart(end));
  }

  /** The word that ends at `end`; always the same string for the same text. */
  wordBefore(end: number): string {
    return this.#words.of(this.bytes, this.#wordStart(end), end);
  }

  #wordStart(end: number): number {
    let start = end;
    while (start > this.start && this.bytes[start - 1] !== BLANK) start--;
    return start;
  }

  /** A hex value with or without `0x`; `ERROR_ADDRESS` for all ones; null if the value is not hex. */
  hex(key: PayloadKey): number | null {
    const start = this.valueStart(key);
    return start < 0 ? null : hexAt(this.bytes, start);
  }

  /**
   * The array of a key; null if the array is absent or truncated. Older libraries leave the braces
   * out and print nothing for an empty array (traces.md T.13).
   */
  array(key: PayloadKey): number[] | null {
    const start = this.valueStart(key);
    if (start < 0) return null;
    const { bytes } = this;
    const hasBraces = bytes[start] === OPENING_BRACE;
    const end = hasBraces ? this.#braceEnd(start) : this.#nextKey(start);
    if (end < 0) return null;
    const numbers: number[] = [];
    let at = hasBraces ? start + 1 : start;
    while (true) {
      while (at < end && isSeparator(bytes[at]!)) at++;
      if (at >= end) return numbers;
      const number = hexAt(bytes, at);
      if (number === null) return null;
      numbers.push(number);
      while (at < end && !isSeparator(bytes[at]!)) at++;
    }
  }

  /**
   * The complete numbers of a truncated array. The last number is left out, because it may be cut
   * off.
   */
  cutArray(key: PayloadKey): number[] {
    const start = this.valueStart(key);
    if (start < 0 || this.bytes[start] !== OPENING_BRACE) return [];
    const text = DECODER.decode(this.bytes.subarray(start + 1, this.end));
    return text.split(",").slice(0, -1).map((word) =>
      hexAt(ENCODER.encode(`${word}\n`), 0) ?? ERROR_ADDRESS
    );
  }

  /** The second number in `shown/all`, or null. */
  count(key: PayloadKey): number | null {
    const match = /^\d{1,9}\/(\d{1,9})$/.exec(this.word(key) ?? "");
    return match === null ? null : Number(match[1]);
  }

  #braceEnd(start: number): number {
    const end = this.bytes.indexOf(CLOSING_BRACE, start);
    return end < this.end ? end : -1;
  }

  /** Offset of the next key, or of the text's end. An array without braces ends there. */
  #nextKey(start: number): number {
    let word = start;
    for (let at = start; at < this.end; at++) {
      const code = this.bytes[at]!;
      const isWord = word === start || isSeparator(this.bytes[word - 1]!);
      if (code === EQUALS && at > word && isWord) return word;
      if (!(code >= 0x61 && code <= 0x7a || code === 0x5f)) word = at + 1;
    }
    return this.end;
  }
}

function isSeparator(code: number): boolean {
  return code === COMMA || code === BLANK || code === TAB;
}

function isAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let index = 0; index < wanted.length; index++) {
    if (bytes[at + index] !== wanted[index]) return false;
  }
  return true;
}

/**
 * The hex address that begins at `from`. Above 2^53 the lowest bits are lost, but they are not part
 * of the page number. Therefore the value is exact enough to distinguish pages.
 */
export function hexAt(bytes: Uint8Array, from: number): number | null {
  let at = from;
  if (bytes[at + 1] === LETTER_X && bytes[at] === ZERO) at += 2;
  const start = at;
  while (bytes[at] === ZERO) at++;
  const first = at;
  let value = 0;
  let part = 0;
  let count = 0;
  while (true) {
    const digit = HEX_DIGITS[bytes[at]!]!;
    if (digit < 0) break;
    part = part << 4 | digit;
    at++;
    if (++count < PART_DIGITS) continue;
    value = value * PART + part;
    part = count = 0;
  }
  value = value * POWERS[count]! + part;
  const digits = at - start;
  if (digits === 0 || digits > MAX_DIGITS || !endsValue(bytes[at]!)) return null;
  return at - first > EXACT_DIGITS ? longHexAt(bytes, first, at) : value;
}

/** An address with too many digits for exact arithmetic, summed digit by digit. */
function longHexAt(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  let isOnes = end - start === MAX_DIGITS;
  for (let at = start; at < end; at++) {
    const digit = HEX_DIGITS[bytes[at]!]!;
    value = value * 16 + digit;
    if (digit !== 15) isOnes = false;
  }
  return isOnes ? ERROR_ADDRESS : value;
}

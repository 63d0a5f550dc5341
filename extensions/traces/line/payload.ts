/** Values in the text after an event's name, found by their keys. */

/** What stands for an address that a call did not give: all ones. */
export const ERROR_ADDRESS = -1;
const BLANK = 0x20;
const COMMA = 0x2c;
const CLOSING_BRACE = 0x7d;
const CLOSING_PARENTHESIS = 0x29;
const MAX_DIGITS = 16;
const LETTER_X = 0x78;

/**
 * A key as it stands in a payload: behind a blank, with its `=`. Made once, because the search for
 * it is most of the work on a line.
 */
export type PayloadKey = ` ${string}=`;

/** Where the value of a key begins, or -1. */
function valueStart(payload: string, key: PayloadKey): number {
  const at = payload.indexOf(key);
  return at < 0 ? -1 : at + key.length;
}

function endsValue(code: number): boolean {
  return code === BLANK || code === COMMA || code === CLOSING_BRACE ||
    code === CLOSING_PARENTHESIS || Number.isNaN(code);
}

export function wordOf(payload: string, key: PayloadKey): string | null {
  const start = valueStart(payload, key);
  if (start < 0) return null;
  let end = start;
  while (!endsValue(payload.charCodeAt(end))) end++;
  return payload.slice(start, end);
}

export function decimalOf(payload: string, key: PayloadKey): number | null {
  const start = valueStart(payload, key);
  if (start < 0) return null;
  let value = 0;
  let at = start;
  while (true) {
    const digit = payload.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
    at++;
  }
  const isNumber = at > start && at - start < MAX_DIGITS && endsValue(payload.charCodeAt(at));
  return isNumber ? value : null;
}

/** Hex with or without `0x`; all ones is `ERROR_ADDRESS`; null when it is none. */
export function hexOf(payload: string, key: PayloadKey): number | null {
  const start = valueStart(payload, key);
  return start < 0 ? null : hexAt(payload, start);
}

/** The value of a hex digit, or -1. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  return code >= 0x41 && code <= 0x46 ? code - 0x37 : -1;
}

/**
 * An address in hex that begins here. Above 2^53 the lowest bits are lost, but not those of the
 * page: exact enough to distinguish pages.
 */
export function hexAt(text: string, from: number): number | null {
  let at = from;
  if (text.charCodeAt(at + 1) === LETTER_X && text.charCodeAt(at) === 0x30) at += 2;
  const start = at;
  let value = 0;
  let isOnes = true;
  while (true) {
    const digit = hexDigit(text.charCodeAt(at));
    if (digit < 0) break;
    value = value * 16 + digit;
    if (digit !== 15) isOnes = false;
    at++;
  }
  const digits = at - start;
  if (digits === 0 || digits > MAX_DIGITS || !endsValue(text.charCodeAt(at))) return null;
  return isOnes && digits === MAX_DIGITS ? ERROR_ADDRESS : value;
}

/**
 * The array of a key; null when it is not there or cut. Older libraries leave the braces out and
 * print nothing for an empty one (traces.md T.13).
 */
export function arrayOf(payload: string, key: PayloadKey): number[] | null {
  const start = valueStart(payload, key);
  if (start < 0) return null;
  let text: string;
  if (payload[start] === "{") {
    const end = payload.indexOf("}", start);
    if (end < 0) return null;
    text = payload.slice(start + 1, end);
  } else {
    const next = payload.slice(start).search(/(?:^|\s)[a-z_]+=/);
    text = next < 0 ? payload.slice(start) : payload.slice(start, start + next);
  }
  const numbers: number[] = [];
  for (const word of text.split(/[,\s]+/)) {
    if (word === "") continue;
    const number = hexAt(word, 0);
    if (number === null) return null;
    numbers.push(number);
  }
  return numbers;
}

/** What is there of a cut array, without its last number. */
export function cutArrayOf(payload: string, key: PayloadKey): number[] {
  const start = valueStart(payload, key);
  if (start < 0 || payload[start] !== "{") return [];
  const words = payload.slice(start + 1).split(",").slice(0, -1);
  return words.map((word) => hexAt(word, 0) ?? ERROR_ADDRESS);
}

/** The second number of `shown/all`, or null. */
export function countOf(payload: string, key: PayloadKey): number | null {
  const match = /^\d{1,9}\/(\d{1,9})$/.exec(wordOf(payload, key) ?? "");
  return match === null ? null : Number(match[1]);
}

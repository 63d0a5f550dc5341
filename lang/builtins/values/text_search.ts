/** Looking for one text in another, in time that grows with their lengths and not with the product. */
import type { ExecutionContext } from "../../values/execution_context.ts";
import { CHARACTER_BYTES, STEP_BYTES } from "../../values/limits.ts";

/** The host's search is as good as can be for parts up to this length, and may be very bad for longer ones. */
const SHORT_CHARACTERS = 16;
/** Characters between two charges of work, and steps that one costs here. */
const STRIDE = 4096;
const CHARACTER_STEPS = 1 / 2;

/**
 * Where a part occurs in a text, from left to right, each behind the one before.
 *
 * @param part Not empty.
 */
export function occurrences(
  text: string,
  part: string,
  context: ExecutionContext,
): Iterable<number> {
  return part.length <= SHORT_CHARACTERS
    ? shortOccurrences(text, part, context)
    : longOccurrences(text, part, context);
}

function* shortOccurrences(
  text: string,
  part: string,
  context: ExecutionContext,
): Generator<number> {
  context.work(CHARACTER_BYTES * text.length / STEP_BYTES);
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) yield at;
}

/**
 * By Knuth, Morris and Pratt (1977): no character of the text is looked at again after it was left
 * behind.
 */
function* longOccurrences(
  text: string,
  part: string,
  context: ExecutionContext,
): Generator<number> {
  if (part.length > text.length) return;
  const borders = bordersOf(part, context);
  let matched = 0;
  for (let at = 0; at < text.length; at++) {
    if (at % STRIDE === 0) context.work(STRIDE * CHARACTER_STEPS);
    const code = text.charCodeAt(at);
    while (matched > 0 && part.charCodeAt(matched) !== code) matched = borders[matched - 1]!;
    if (part.charCodeAt(matched) === code) matched++;
    if (matched < part.length) continue;
    yield at + 1 - part.length;
    matched = 0;
  }
}

/** Of each beginning of the part: how many of its first characters are its last as well. */
function bordersOf(part: string, context: ExecutionContext): Int32Array {
  context.chargeMemory(Int32Array.BYTES_PER_ELEMENT * part.length);
  const borders = new Int32Array(part.length);
  for (let at = 1, matched = 0; at < part.length; at++) {
    if (at % STRIDE === 0) context.work(STRIDE * CHARACTER_STEPS);
    const code = part.charCodeAt(at);
    while (matched > 0 && part.charCodeAt(matched) !== code) matched = borders[matched - 1]!;
    if (part.charCodeAt(matched) === code) matched++;
    borders[at] = matched;
  }
  return borders;
}

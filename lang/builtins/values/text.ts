/** Strings and bytes: fields and methods. */
import { CHARACTER_BYTES, LIST_BYTES, NEW_ITEM_BYTES, STEP_BYTES } from "../../values/limits.ts";
import { formatAddress, formatHexBytes } from "../../text/numbers.ts";
import { formatValue } from "../../render/value_text.ts";
import type { BytesValue } from "../../values/value.ts";
import type { HandleType } from "../../values/spec.ts";
import { checkedSlice } from "./list.ts";
import { fieldsOf } from "../describe/fields.ts";
import { param } from "../describe/parameters.ts";
import { BYTE_NUMBER_METHODS } from "./byte_numbers.ts";
import { methodsOf } from "../describe/builtin.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";

/**
 * If the part to search for is not longer than this, the host's search is fast. For longer parts it
 * may be very slow.
 */
const SHORT_CHARACTERS = 16;
/** Number of characters between two charges of work, and the steps charged for each character. */
const STRIDE = 4096;
const CHARACTER_STEPS = 1 / 2;

/**
 * The positions of a part in a text, from left to right, without overlaps.
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
 * The algorithm of Knuth, Morris and Pratt (1977): it examines no character of the text again after
 * passing it.
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

/**
 * For each prefix of the part: the length of its longest border. A border of a text is a proper
 * prefix of the text that is also a suffix of it.
 */
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

const textMethod = methodsOf<string>("script");
const bytesMethod = methodsOf<BytesValue>();

export const STRING: HandleType<string> = {
  name: "string",
  doc: 'Text. `"{e}"` puts a value into it, `+` joins two.',
  fields: fieldsOf<string>((f) => ({
    length: f.int("How many characters it has.", (text) => text.length),
  })),
  methods: [
    textMethod({
      name: "contains",
      pure: true,
      parameters: [param.string("part", "What is looked for.")],
      result: "bool",
      doc: "True when the part occurs in it.",
      example: `assert "iova.alloc".contains("alloc")`,
      run(context, text, [part]) {
        if (part === "") return true;
        for (const _at of occurrences(text, part, context)) return true;
        return false;
      },
    }),
    textMethod({
      name: "starts_with",
      pure: true,
      parameters: [param.string("part", "What it should begin with.")],
      result: "bool",
      doc: "True when it begins with the part.",
      example: `assert "iova.alloc".starts_with("iova.")`,
      run(context, text, [part]) {
        context.work(CHARACTER_BYTES * part.length / STEP_BYTES);
        return text.startsWith(part);
      },
    }),
    textMethod({
      name: "split",
      pure: true,
      parameters: [param.string("separator", "The separator.")],
      result: "list",
      doc: "The parts between the separators.",
      example: `assert "a-b-c".split("-") == ["a", "b", "c"]`,
      run(context, text, [separator]) {
        context.chargeMemory(LIST_BYTES + CHARACTER_BYTES * text.length);
        if (separator === "") {
          context.chargeMemory(NEW_ITEM_BYTES * text.length);
          return text.split("");
        }
        const parts: string[] = [];
        let start = 0;
        for (const at of occurrences(text, separator, context)) {
          context.chargeMemory(NEW_ITEM_BYTES);
          parts.push(text.slice(start, at));
          start = at + separator.length;
        }
        return [...parts, text.slice(start)];
      },
    }),
  ],
  format: (text) => text,
};

const DUMP_BYTES = 16;
/** Limit of the lines of a dump; the rest is only counted. */
const DUMP_LINES = 16;

/** Bytes in lines of sixteen, with the offset before them and the characters after them. */
export function dumpLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length && lines.length < DUMP_LINES; at += DUMP_BYTES) {
    const part = bytes.subarray(at, at + DUMP_BYTES);
    const characters = Array.from(
      part,
      (byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".",
    ).join("");
    lines.push(
      `${formatAddress(at).slice(2).padStart(6)}  ${
        formatHexBytes(part).padEnd(DUMP_BYTES * 3 - 1)
      }  ${characters}`,
    );
  }
  const rest = bytes.length - DUMP_BYTES * DUMP_LINES;
  return rest > 0 ? [...lines, `        … ${rest} bytes more`] : lines;
}

export const BYTES: HandleType<BytesValue> = {
  name: "bytes",
  doc: 'Raw bytes, such as bytes"de ad be ef". `+` joins two.',
  fields: fieldsOf<BytesValue>((f) => ({
    length: f.int("How many bytes there are.", (value) => value.bytes.length),
    size: f.size("The same as a size.", (value) => value.bytes.length),
  })),
  methods: [
    bytesMethod({
      name: "slice",
      pure: true,
      parameters: [param.range("range", "Offsets, end excluded.")],
      result: "bytes",
      doc: "The bytes at a range of offsets.",
      example: `assert bytes"01 02 03 04".slice(1..3) == bytes"02 03"`,
      run(context, value, [range]) {
        const { first, end } = checkedSlice(range, value.bytes.length, "bytes");
        context.chargeMemory(end - first);
        return value.bytes.slice(first, end);
      },
    }),
    ...BYTE_NUMBER_METHODS,
  ],
  format: (value) => formatValue(value),
  show: (value) => dumpLines(value.bytes),
};

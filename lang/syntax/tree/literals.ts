/**
 * Converts the text of a literal to its value: numbers, sizes, durations, strings, bytes.
 *
 * All checks of literals are in this file: underscores, units, range. A number that a double cannot
 * represent exactly is an error and is never rounded.
 */
import { wideAddress } from "../../text/numbers.ts";
import type { DiagnosticCode } from "../../diagnostics/codes.ts";

/** A mistake in a literal, with its location inside the literal's text. */
export interface LiteralProblem {
  readonly code: DiagnosticCode;
  /** Offset in the literal's text. */
  readonly start: number;
  readonly end: number;
  readonly message: string;
  readonly hint?: string;
}

export type NumberValue =
  | { readonly kind: "Integer" | "Ratio" | "Size" | "Duration" | "Address"; readonly value: number }
  | { readonly kind: "problem"; readonly problem: LiteralProblem };

/** Bytes in one unit of size. */
export const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ["B", 1],
  ["KiB", 2 ** 10],
  ["MiB", 2 ** 20],
  ["GiB", 2 ** 30],
  ["TiB", 2 ** 40],
]);

/** Nanoseconds in one unit of time. */
export const TIME_UNITS: ReadonlyMap<string, number> = new Map([
  ["ns", 1],
  ["us", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
]);

const DIGITS = "[0-9]+(?:_[0-9]+)*";
const DECIMAL = new RegExp(`^(?:${DIGITS})$`);
const HEXADECIMAL = /^0[xX][0-9a-fA-F]+(?:_[0-9a-fA-F]+)*$/;
const BINARY = /^0[bB][01]+(?:_[01]+)*$/;
const RATIO = new RegExp(`^(?:${DIGITS})\\.(?:${DIGITS})$`);
const WITH_UNIT = new RegExp(`^(${DIGITS})([A-Za-z\u00b5\u03bc]+)$`);
const RATIO_WITH_UNIT = new RegExp(`^(${DIGITS}\\.${DIGITS})([A-Za-z]+)$`);
const HEXADECIMAL_WITH_UNIT = /^(0[xX][0-9a-fA-F_]*?)_?([KMGT]i?B?|[num]?s)$/;

/** No number below 2^53 is longer than this, even with underscores and a unit. */
const MAX_NUMBER_LENGTH = 120;

/**
 * Reads a literal number: `4096`, `0xffff_f000`, `4KiB`, `10us`, `1.5`. V8 compiles a regular
 * expression at its first use, and a start uses as few as its numbers need.
 */
export function readNumber(image: string): NumberValue {
  if (image.length > MAX_NUMBER_LENGTH) {
    return problem(image, "E0103", `Malformed number of ${image.length} characters`, {
      hint: "integers are exact below 2^53 = 9_007_199_254_740_992",
    });
  }
  if (DECIMAL.test(image)) {
    if (image.length > 1 && image.startsWith("0")) return leadingZero(image);
    return exact(image, plainDigits(image), 1, "Integer");
  }
  if (image.startsWith("0") && (HEXADECIMAL.test(image) || BINARY.test(image))) {
    const digits = plainDigits(image);
    const address = Number(digits) < 2 ** 53 ? null : wideAddress(digits);
    if (address !== null) return { kind: "Address", value: address };
    return exact(image, digits, 1, "Integer");
  }
  if (image.includes(".") && RATIO.test(image)) {
    return { kind: "Ratio", value: Number(plainDigits(image)) };
  }
  const [, digits, unit] = WITH_UNIT.exec(image) ?? [];
  if (digits !== undefined && unit !== undefined && !isOtherBase(image)) {
    return withUnit(image, digits, unit);
  }
  return malformed(image);
}

/** Whether a number is written `0b…` or `0x…`, and not a zero with a unit. */
function isOtherBase(image: string): boolean {
  return image.startsWith("0") && /^0[xXbBoO]/.test(image) && image !== "0B" && image !== "0b";
}

function plainDigits(digits: string): string {
  return digits.includes("_") ? digits.replaceAll("_", "") : digits;
}

/** `digits` (decimal, `0x…` or `0b…`) times `unit`, if a double represents it exactly. */
function exact(
  image: string,
  digits: string,
  unit: number,
  kind: "Integer" | "Size" | "Duration",
): NumberValue {
  const value = Number(digits) * unit;
  // A value of 2^53 or more may have been rounded, but never to a value below 2^53.
  if (value < 2 ** 53) return { kind, value };
  const written = unit === 1 ? image : `${image} = ${BigInt(digits) * BigInt(unit)}`;
  return problem(image, "E0106", `Number too large: ${written}`, {
    hint: "integers are exact below 2^53 = 9_007_199_254_740_992, and wider addresses in hex are " +
      "the last 256TiB of a space of 54 to 64 bits; write a 64-bit mask as a bit count, a malformed descriptor as bytes",
  });
}

function withUnit(image: string, digits: string, unit: string): NumberValue {
  const plain = plainDigits(digits);
  if (plain.length > 1 && plain.startsWith("0")) return leadingZero(image);
  const sizeUnit = SIZE_UNITS.get(unit);
  if (sizeUnit !== undefined) return exact(image, plain, sizeUnit, "Size");
  const timeUnit = TIME_UNITS.get(unit);
  if (timeUnit !== undefined) return exact(image, plain, timeUnit, "Duration");
  return wrongUnit(image, digits, unit);
}

/** The correct spelling of an unknown unit, if it can be guessed. */
export function rightUnit(unit: string): string | null {
  const word = unit.toLowerCase();
  if (LARGE_SIZE.test(word)) return `${word.charAt(0).toUpperCase()}iB`;
  return OTHER_SPELLINGS.find(([spelling]) => spelling.test(word))?.[1] ?? null;
}

const LARGE_SIZE = /^(?:[kmgt](?:i?b)?|(?:kilo|mega|giga|tera|kibi|mebi|gibi|tebi)bytes?)$/;

/** Other spellings of units, and the correct ones. */
const OTHER_SPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/^(?:b|bytes?)$/, "B"],
  [/^(?:ns|nsecs?|nanos|nanoseconds?)$/, "ns"],
  [/^(?:[u\u00b5\u03bc]s|usecs?|microseconds?)$/, "us"],
  [/^(?:ms|msecs?|millis|milliseconds?)$/, "ms"],
  [/^(?:s|secs?|seconds?)$/, "s"],
];

/** The factor of a decimal unit, which is a power of a thousand: `KB` is 1000 bytes. */
function decimalUnit(unit: string): number | null {
  const power = "KMGT".indexOf(unit.charAt(0).toUpperCase());
  return /^[kmgtKMGT][bB]$/.test(unit) ? 1000 ** (power + 1) : null;
}

function wrongUnit(image: string, digits: string, unit: string): NumberValue {
  const right = rightUnit(unit);
  if (right === null) {
    return problem(image, "E0104", `Unknown unit \`${unit}\` in \`${image}\``, {
      start: digits.length,
      hint: "sizes end in B, KiB, MiB, GiB or TiB, durations in ns, us, ms or s",
    });
  }
  const decimal = decimalUnit(unit);
  const bytes = SIZE_UNITS.get(right);
  const about = decimal !== null
    ? ` (${right} is ${bytes} bytes; ${unit} would be ${decimal})`
    : bytes !== undefined && bytes > 1
    ? ` (${right} is ${bytes} bytes)`
    : "";
  return problem(image, "E0104", `Unknown unit \`${unit}\` in \`${image}\``, {
    start: digits.length,
    hint: `write \`${digits}${right}\`${about}`,
  });
}

function leadingZero(image: string): NumberValue {
  const octal = /^0[0-7]+$/.test(image) ? Number.parseInt(image, 8) : null;
  const decimal = image.replace(/^0[0_]*(?=[0-9])/, "");
  const asOctal = octal !== null && octal < 2 ** 53 && String(octal) !== decimal
    ? `, or \`0x${octal.toString(16)}\` if octal was meant`
    : "";
  return problem(image, "E0107", `Number begins with a zero: \`${image}\``, {
    hint: `write \`${decimal}\`${asOctal}; there are no octal numbers`,
  });
}

/** Finds, for the message, the mistake in a number that matches no form. */
function malformed(image: string): NumberValue {
  const bad = (reason: string, hint: string, code: DiagnosticCode = "E0103") =>
    problem(image, code, `Malformed number \`${image}\`: ${reason}`, { hint });

  const [, hex, hexUnit] = HEXADECIMAL_WITH_UNIT.exec(image) ?? [];
  if (hex !== undefined && hexUnit !== undefined && hex.length > 2) {
    const count = Number(hex.replaceAll("_", ""));
    const unit = rightUnit(hexUnit) ?? hexUnit;
    const number = Number.isSafeInteger(count) ? `${count}${unit}` : `64${unit}`;
    return bad("a hexadecimal number takes no unit", `write \`${number}\``, "E0105");
  }
  const [, ratio, unit] = RATIO_WITH_UNIT.exec(image) ?? [];
  if (ratio !== undefined && unit !== undefined) {
    return bad("a decimal takes no unit", smallerUnit(plainDigits(ratio), unit));
  }
  if (/^0[xX]/.test(image)) {
    return bad(
      "hexadecimal digits are 0-9 and a-f",
      "a single `_` is allowed between two digits: `0xffff_f000`",
    );
  }
  if (/^0[bB]/.test(image)) {
    return bad(
      "binary digits are 0 and 1",
      "a single `_` is allowed between two digits: `0b1010_0000`",
    );
  }
  if (/^0[oO]/.test(image)) return bad("there are no octal numbers", "write it as `0x…`");
  if (/^[0-9][0-9_]*(?:\.[0-9]+)?[eE][0-9]*$/.test(image)) {
    const value = Number(image.replaceAll("_", ""));
    return bad(
      "there are no exponents",
      Number.isSafeInteger(value)
        ? `write \`${groupDigits(value)}\``
        : "write all digits: `1_000_000`",
    );
  }
  if (/^[0-9_]+(?:[A-Za-z]+)?$/.test(image) && image.includes("_")) {
    const [, digits = "", unit = ""] = /^([0-9_]+)([A-Za-z]*)$/.exec(image) ?? [];
    return bad(
      "a single `_` is allowed between two digits",
      `write \`${digits.replace(/_+/g, "_").replace(/_$/, "")}${rightUnit(unit) ?? unit}\``,
    );
  }
  return bad(
    "letters among the digits",
    "numbers look like 4096, 0xffff_f000, 0b1010, 4KiB or 10us",
  );
}

/** `1.5MiB` → the same size in a smaller unit, if that is a whole number. */
function smallerUnit(ratio: string, unit: string): string {
  const right = rightUnit(unit);
  const units = right !== null && SIZE_UNITS.has(right) ? SIZE_UNITS : TIME_UNITS;
  const value = right === null ? NaN : Number(ratio) * (units.get(right) ?? NaN);
  const fitting = [...units].reverse().find(([, one]) => Number.isInteger(value / one));
  return fitting === undefined || !Number.isSafeInteger(value)
    ? "sizes and durations are whole numbers of a unit"
    : `write \`${value / fitting[1]}${fitting[0]}\``;
}

function groupDigits(value: number): string {
  return String(value).replace(/\B(?=(?:[0-9]{3})+$)/g, "_");
}

function problem(
  image: string,
  code: DiagnosticCode,
  message: string,
  options: { start?: number; hint: string },
): NumberValue {
  const start = options.start ?? 0;
  return {
    kind: "problem",
    problem: { code, start, end: image.length, message, hint: options.hint },
  };
}

/** A piece of a string: text, or the offsets of an expression between `{` and `}`. */
export type StringPart =
  | { readonly text: string }
  | { readonly start: number; readonly end: number };

export interface StringValue {
  readonly parts: readonly StringPart[];
  readonly problems: readonly LiteralProblem[];
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  "0": "\0",
  "\\": "\\",
  '"': '"',
  "{": "{",
  "}": "}",
};

/**
 * Splits a string into its parts.
 *
 * @param image The literal with its quotes, on one line.
 * @returns Text with escapes resolved, and the locations of `{…}` parts (offsets in `image`,
 *   without the braces). A string without `{` has at most one part.
 */
export function readString(image: string): StringValue {
  if (!image.includes("\\") && !image.includes("{")) {
    return { parts: image.length > 2 ? [{ text: image.slice(1, -1) }] : [], problems: [] };
  }
  const parts: StringPart[] = [];
  const problems: LiteralProblem[] = [];
  const end = image.length - 1;
  let text = "";
  let offset = 1;
  while (offset < end) {
    const character = image.charAt(offset);
    if (character === "\\") {
      const escape = readEscape(image, offset, end);
      if (typeof escape.value === "string") text += escape.value;
      else problems.push(escape.value);
      offset = escape.next;
    } else if (character === "{") {
      const close = closingBrace(image, offset, end);
      const bad = interpolationProblem(image, offset, close, end);
      if (bad !== null) problems.push(bad);
      else {
        if (text !== "") parts.push({ text });
        text = "";
        parts.push({ start: offset + 1, end: close });
      }
      offset = close === -1 ? end : close + 1;
    } else {
      text += character;
      offset++;
    }
  }
  if (text !== "") parts.push({ text });
  return { parts, problems };
}

/** Offset of the `}` that closes the `{` at `open`, or -1. */
function closingBrace(image: string, open: number, end: number): number {
  let depth = 0;
  for (let offset = open; offset < end; offset++) {
    const character = image.charAt(offset);
    if (character === "{") depth++;
    else if (character === "}" && --depth === 0) return offset;
  }
  return -1;
}

function interpolationProblem(
  image: string,
  open: number,
  close: number,
  end: number,
): LiteralProblem | null {
  const bad = (stop: number, message: string, hint: string): LiteralProblem => ({
    code: "E0109",
    start: open,
    end: stop,
    message,
    hint,
  });
  if (close === -1) {
    return bad(
      end,
      "`{` in a string is not closed",
      '`{expr}` inserts a value and contains no `"`; write a brace as `\\{`',
    );
  }
  const inside = image.slice(open + 1, close);
  if (inside.trim() === "") {
    return bad(
      close + 1,
      "Nothing between `{` and `}`",
      "a value stands there: `{x}`; write a brace as `\\{`",
    );
  }
  if (inside.includes("\\")) {
    return bad(
      close + 1,
      '`{…}` in a string cannot contain a string or `\\`: the first `"` would end it',
      "bind the value to a name first: `let text = …`",
    );
  }
  if (inside.includes("#")) {
    return bad(close + 1, "`{…}` in a string cannot contain a comment", "`#` begins a comment");
  }
  return null;
}

function readEscape(
  image: string,
  start: number,
  end: number,
): { value: string | LiteralProblem; next: number } {
  const letter = image.charAt(start + 1);
  const simple = SIMPLE_ESCAPES[letter];
  if (simple !== undefined) return { value: simple, next: start + 2 };
  const rest = image.slice(start, end);
  const byte = /^\\x([0-9a-fA-F]{2})/.exec(rest);
  if (byte !== null) {
    return { value: String.fromCharCode(Number.parseInt(byte[1]!, 16)), next: start + 4 };
  }
  const point = /^\\u\{([0-9a-fA-F]{1,6})\}/.exec(rest);
  const code = point === null ? NaN : Number.parseInt(point[1]!, 16);
  if (code <= 0x10ffff) {
    return { value: String.fromCodePoint(code), next: start + point![0].length };
  }
  const length = letter === "u" ? /^\\u(?:\{[^}"]*\}?)?/.exec(rest)![0].length : 2;
  return {
    value: {
      code: "E0108",
      start,
      end: start + length,
      message: `Unknown escape \`${image.slice(start, start + length)}\``,
      hint: 'escapes are \\n \\r \\t \\0 \\\\ \\" \\{ \\} \\x41 and \\u{1f600}',
    },
    next: start + length,
  };
}

/** Reads `bytes"de ad be ef"`: pairs of hexadecimal digits, blanks between pairs. */
export function readBytes(image: string): Uint8Array<ArrayBuffer> | LiteralProblem {
  const start = image.indexOf('"') + 1;
  const digits: string[] = [];
  let offset = start;
  const bad = (from: number, to: number, message: string): LiteralProblem => ({
    code: "E0110",
    start: from,
    end: to,
    message,
    hint: 'bytes are pairs of hexadecimal digits: bytes"de ad be ef"',
  });
  while (offset < image.length - 1) {
    const pair = image.slice(offset, offset + 2);
    if (/^[ \t_]/.test(pair)) {
      offset++;
    } else if (/^[0-9a-fA-F]{2}$/.test(pair)) {
      digits.push(pair);
      offset += 2;
    } else if (/^[0-9a-fA-F]/.test(pair)) {
      return bad(offset, offset + 1, `Half a byte in a bytes literal: \`${pair.charAt(0)}\``);
    } else {
      return bad(offset, offset + 1, `\`${pair.charAt(0)}\` is not a hexadecimal digit`);
    }
  }
  return Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16));
}

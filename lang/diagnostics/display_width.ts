/** The width of text on a terminal, and which characters may be printed. */

/** First and last code points of characters that take two columns. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1f9ff],
  [0x1fa70, 0x1faff],
  [0x20000, 0x3fffd],
];

/**
 * Whether a character combines with the previous character and takes no column. The regular
 * expression is inside this function because compiling it takes a quarter of a millisecond, and
 * only texts that may have combining characters need it.
 */
function isCombining(character: string): boolean {
  return /^[\p{Mn}\p{Me}\u200b-\u200d\ufe00-\ufe0f]$/u.test(character);
}

/**
 * Characters that could move the cursor, ring the bell, change the direction of the text or be
 * invisible.
 */
const UNSAFE =
  // deno-lint-ignore no-control-regex
  /[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\udb40[\udc00-\udc7f]/g;

/** An escape sequence that only sets a colour. */
// deno-lint-ignore no-control-regex
const COLOUR = /\x1b\[[\d;]*m/;

/** Columns of one character: 0, 1 or 2. Tabs have to be handled by the caller. */
export function characterWidth(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  if (point < 0x300) return 1;
  if (isCombining(character)) return 0;
  return WIDE.some(([first, last]) => point >= first && point <= last) ? 2 : 1;
}

/** Columns that a text without tabs takes. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/**
 * A line of a script in a form that is safe to print. Scripts are untrusted, so control characters
 * are replaced by their pictures. The length in UTF-16 units does not change.
 */
export function printable(line: string): string {
  return line.replace(UNSAFE, pictureOf);
}

/**
 * Text of several lines in a form that is safe to print: like {@linkcode printable}, but line ends
 * are kept.
 *
 * @param colour True if colours are allowed: their escape sequences are then kept.
 */
export function printableText(text: string, colour: boolean): string {
  if (!hasUnprintableText(text)) return text;
  return text.split("\n").map((line) => {
    if (!colour) return printable(line);
    const colours = line.match(new RegExp(COLOUR, "g")) ?? [];
    return line.split(COLOUR).map((part, index) => printable(part) + (colours[index] ?? "")).join(
      "",
    );
  }).join("\n");
}

export function withoutColours(text: string): string {
  return text.split(COLOUR).join("");
}

/** Whether {@linkcode printableText} changes a text without colours. */
export function hasUnprintableText(text: string): boolean {
  return text.search(UNSAFE_BUT_LINE_ENDS) >= 0;
}

const UNSAFE_BUT_LINE_ENDS = new RegExp(UNSAFE.source.replace("\\x0a-", "\\x0b-"));
const UNSAFE_IN_JSON = new RegExp(UNSAFE_BUT_LINE_ENDS.source, "g");

/** The picture of a character that may not be printed, with the same length in UTF-16 units. */
function pictureOf(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? "\u2421" : "\ufffd".repeat(character.length);
}

/**
 * JSON of a value, in which characters that may not be printed are written as escapes.
 *
 * @param indent Spaces of one indentation step; 0 writes everything on one line.
 */
export function printableJson(value: unknown, indent = 2): string {
  return JSON.stringify(value, null, indent).replace(
    UNSAFE_IN_JSON,
    (text) =>
      text.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
        .join(""),
  );
}

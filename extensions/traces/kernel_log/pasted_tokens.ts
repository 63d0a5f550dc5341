/** Decides whether a line break fell between two words or inside a word. */
import { fixedTexts } from "./messages/table.ts";

const WHOLE =
  /^(?:\d+|0x[0-9a-f]+|[0-9a-f]{8}|[0-9a-f]{16}|(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|)$/i;
const FUNCTION = /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]:?$/i;
/**
 * An address at the end of a line. `HEX_HEAD` matches hex digits at the start of the next line.
 * These digits cannot be a complete number.
 */
const HEX_TAIL = /0x[0-9a-f]*$/i;
const HEX_HEAD = /^(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d|f+)[0-9a-f]+\b/i;
const TAIL = /[\w.:-]+$/;
const HEAD = /^[\w.:-]+/;
const HEX = /[0-9a-f]/i;

let words: ReadonlySet<string> | null = null;

/** Words of all forms of the table, collected at first use. */
function knownWords(): ReadonlySet<string> {
  return words ??= new Set(
    fixedTexts().flatMap((text) => text.toLowerCase().match(/[\w.:-]+/g) ?? []).map(bare),
  );
}

/**
 * Whether the last word of a line continues at the beginning of the next line, by the words that
 * occur in the kernel's messages.
 */
export function isCut(before: string, after: string): boolean {
  const tail = TAIL.exec(before)?.[0] ?? "";
  const head = HEAD.exec(after)?.[0] ?? "";
  if (tail === "" || head === "") return isInside(before, after);
  if (/_$/.test(tail) || /^[:_]/.test(head) || HEX_TAIL.test(tail) && HEX_HEAD.test(head)) {
    return true;
  }
  if (/0x$/i.test(tail) || FUNCTION.test(tail + head) && !FUNCTION.test(tail)) return true;
  const [apart, together] = [[tail, head], [tail + head]].map((words) =>
    words.filter((word) => !isWhole(word)).length
  ) as [number, number];
  if (apart !== together) return together < apart && isWhole(tail + head);
  return /\d/.test(tail) && HEX.test(tail.at(-1)!) && HEX.test(head[0]!) &&
    !head.startsWith("0x") &&
    isWhole(tail + head);
}

function isWhole(word: string): boolean {
  const text = bare(word);
  return WHOLE.test(text) || knownWords().has(text.toLowerCase());
}

/** Strips leading and trailing dots, colons and dashes. */
function bare(word: string): string {
  return word.replace(/^[.:-]+|[.:-]+$/g, "");
}

/**
 * Whether the line break is inside brackets or inside a `key=value` pair. After `size=` the next
 * line continues with the value. A `]` at the start of the next line belongs to the value at the
 * end of the line before.
 */
function isInside(before: string, after: string): boolean {
  return /[=[(]$/.test(before) || /^[\]),;]/.test(after) || /^=/.test(after);
}

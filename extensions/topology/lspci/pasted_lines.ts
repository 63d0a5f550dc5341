/**
 * Text as people paste it, as lines that can be read: colours, quote marks, carriage returns and
 * the like are taken off. Line numbers stay those of the text.
 */

export interface PastedLine {
  /** From 1. */
  readonly number: number;
  /** Without quote marks and what terminals add; what stands in front (blanks, tabs) is kept. */
  readonly text: string;
}

/** Longer lines are cut: no line that matters is nearly as long. */
const MAX_LINE_LENGTH = 2000;

/** Colours and cursor movements, window titles, and single characters behind an escape. */
// deno-lint-ignore no-control-regex
const ESCAPES = /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]/g;
/** What no terminal shows; tabs stay. */
// deno-lint-ignore no-control-regex
const INVISIBLE = /[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2060\ufeff]/g;
/** Blanks of word processors and chat programs. */
const ODD_BLANKS = /[\u00a0\u2000-\u200a\u202f\u3000]/g;
/** What pages make of brackets: `&lt;access denied&gt;` has to be read as such. */
const ENTITIES: Readonly<Record<string, string>> = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const ENTITY = /&(?:lt|gt|amp);/g;
/** `> ` of mail and `» ` of some readers of it, as often as the text was quoted. */
const QUOTE = /^(?: {0,3}[>»] ?)+/;

/** Reads a text's lines, one at a time. */
export function* pastedLines(text: string): Generator<PastedLine> {
  let number = 0;
  let start = 0;
  while (start <= text.length) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    number++;
    yield { number, text: clean(text.slice(start, Math.min(end, start + MAX_LINE_LENGTH))) };
    start = end + 1;
  }
}

function clean(raw: string): string {
  const text = raw.replace(ESCAPES, "").replace(INVISIBLE, "").replace(ODD_BLANKS, " ");
  return (text.includes("&") ? text.replace(ENTITY, (entity) => ENTITIES[entity]!) : text)
    .replace(QUOTE, "").trimEnd();
}

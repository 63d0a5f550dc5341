/** Damages a text: changes its characters, words and lines, or inserts pieces of other texts. */
import { LANGUAGE_WORDS } from "@dmalab/lang/syntax";
import type { Choices } from "@dmalab/hunt";

/** Characters with a meaning, characters that should not occur, and halves of surrogate pairs. */
const CHARACTERS = [
  ..."{}()[]\"'`#;,.:=+-*/%&|<>!?\\_@$~^ \t\n\r\0\x7f09azAZ",
  "é",
  "“",
  "\u00a0",
  "\ufeff",
  "\u2028",
  "\ud83d",
  "\ude00",
  "😀",
];

/** Words of the language and of similar languages. */
const WORDS = [
  ...Object.keys(LANGUAGE_WORDS),
  ...["dma", "phys", "ssd", "buf", "read"],
  ..."== != <= >= .. ..= ... => += << >> && || -> ++ -- // /* */ 0x 0b 4KiB 4K 1.5 1e9 0755".split(
    " ",
  ),
  ...'9007199254740992 0xffff_ffff_ffff_ffff 1__0 10us NULL \'c\' "{ "{x}" bytes"de" bytes" #!'
    .split(
      " ",
    ),
];

/** Parts of `lspci` listings and of log lines, and characters that pasting inserts. */
const LISTING_PIECES = [
  ..."> ;|;+-;\\-;-[;\x1b[;ffff;00:00.0 ;0000:;Capabilities: [;ACSCtl:\t;Region 9: Memory at ;secondary=03"
    .split(";"),
  "Bus: primary=ff, secondary=ff, subordinate=ff",
  "100: ff ff ff",
  "-+-[0000:00]-+-",
  "((((((((",
];

/** The text with one to four damages. */
export function mutate(
  text: string,
  choices: Choices,
  others: readonly string[],
  words: readonly string[] = WORDS,
): string {
  let result = text;
  for (let left = choices.between(1, 4); left > 0; left--) {
    result = damage(result, choices, others, words);
  }
  return result;
}

/**
 * A listing or a log with one digit changed, which is usually still valid; or with damages as from
 * `mutate`.
 */
export function damageListing(
  text: string,
  choices: Choices,
  others: readonly string[] = [text],
): string {
  if (choices.oneIn(2)) return mutate(text, choices, others, LISTING_PIECES);
  const at = choices.below(text.length + 1);
  return text.slice(0, at) +
    text.slice(at).replace(/[0-9a-f]/, () => choices.below(16).toString(16));
}

/** The text with some digits changed: most of it is still valid, with another meaning. */
export function changeNumbers(text: string, choices: Choices): string {
  return text.replaceAll(/\d/g, (digit) => choices.oneIn(20) ? `${choices.below(10)}` : digit);
}

function damage(
  text: string,
  choices: Choices,
  others: readonly string[],
  words: readonly string[],
): string {
  const at = choices.below(text.length + 1);
  const length = Math.min(choices.pick([1, 1, 2, 5, 20]), text.length - at);
  const splice = (removed: number, added: string) =>
    text.slice(0, at) + added + text.slice(at + removed);
  return choices.way([
    () => splice(length, ""),
    () => splice(0, text.slice(at, at + length)),
    () => splice(0, choices.pick(CHARACTERS)),
    () => splice(length, choices.pick(CHARACTERS)),
    () => splice(0, ` ${choices.pick(words)} `),
    () => splice(length, choices.pick(words)),
    () => splice(1, String.fromCharCode(text.charCodeAt(at) ^ (1 << choices.below(7)))),
    () => splice(0, choices.pick(CHARACTERS).repeat(choices.pick([2, 8, 64]))),
    () => text.slice(0, at),
    () => text.slice(at),
    () => {
      const other = choices.pick(others);
      const from = choices.below(Math.max(1, other.length));
      return splice(
        choices.pick([0, length]),
        other.slice(from, from + choices.pick([10, 60, 200])),
      );
    },
    () => swapLines(text, choices),
  ]);
}

function swapLines(text: string, choices: Choices): string {
  const lines = text.split("\n");
  const [one, other] = [choices.below(lines.length), choices.below(lines.length)];
  [lines[one], lines[other]] = [lines[other]!, lines[one]!];
  return lines.join("\n");
}

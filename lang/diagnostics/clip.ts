/** How much of a user's text is quoted: a script may have lines of a million letters. */

/** Characters of one name, one text or one line that are repeated. */
export const MAX_REPEATED = 200;
/** Characters of one line of a message, its own words among them. */
const MAX_LINE_CHARACTERS = 3 * MAX_REPEATED;
const CUT = "…";

/** A user's text, cut where it is too long to be quoted. */
export function clipped(text: string, most: number = MAX_REPEATED): string {
  if (text.length <= most) return text;
  const end = most - CUT.length;
  // Half a character would be none.
  const isHalf = /[\ud800-\udbff]/.test(text.charAt(end - 1));
  return text.slice(0, isHalf ? end - 1 : end) + CUT;
}

/** Text in quotes, and text without blanks: in a message that is the user's text. */
const REPEATED = /"[^"\n]*"|`[^`\n]*`|\S+/g;

/** A message in which no text of the user's is too long. */
export function clippedMessage(message: string): string {
  if (message.length <= MAX_REPEATED) return message;
  return message.split("\n").map((line) => {
    const short = line.length <= MAX_REPEATED ? line : line.replace(REPEATED, clippedQuote);
    return clipped(short, MAX_LINE_CHARACTERS);
  }).join("\n");
}

/** The closing quote stays. */
function clippedQuote(text: string): string {
  if (text.length <= MAX_REPEATED) return text;
  const quote = /^(["`]).*\1$/s.exec(text)?.[1] ?? "";
  return clipped(text.slice(0, text.length - quote.length), MAX_REPEATED - quote.length) + quote;
}

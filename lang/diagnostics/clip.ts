/**
 * Limits the length of text that is quoted from a user, because a script may have lines of a
 * million letters.
 */

/** Limit of the characters that are quoted from one name, one text or one line. */
export const MAX_REPEATED = 200;
/** Limit of the characters in one line of a message, including the message's own words. */
const MAX_LINE_CHARACTERS = 3 * MAX_REPEATED;
const CUT = "…";

/** A user's text, cut if it is too long to be quoted. */
export function clipped(text: string, most: number = MAX_REPEATED): string {
  if (text.length <= most) return text;
  const end = most - CUT.length;
  // Do not cut between the two halves of a surrogate pair.
  const isHalf = /[\ud800-\udbff]/.test(text.charAt(end - 1));
  return text.slice(0, isHalf ? end - 1 : end) + CUT;
}

/** Text in quotes, and text without spaces. In a message, such text comes from the user. */
const REPEATED = /"[^"\n]*"|`[^`\n]*`|\S+/g;

/** A message in which the user's texts are cut to the limit. */
export function clippedMessage(message: string): string {
  if (message.length <= MAX_REPEATED) return message;
  return message.split("\n").map((line) => {
    const short = line.length <= MAX_REPEATED ? line : line.replace(REPEATED, clippedQuote);
    return clipped(short, MAX_LINE_CHARACTERS);
  }).join("\n");
}

/** Cuts quoted text; keeps the closing quote. */
function clippedQuote(text: string): string {
  if (text.length <= MAX_REPEATED) return text;
  const quote = /^(["`]).*\1$/s.exec(text)?.[1] ?? "";
  return clipped(text.slice(0, text.length - quote.length), MAX_REPEATED - quote.length) + quote;
}

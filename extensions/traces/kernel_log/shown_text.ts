/** A line of a log for display, and the form of a line. */

/** A key that is equal for lines that differ only in their numbers. */
export function formKey(text: string): string {
  return text.replace(/0x[0-9a-f]+|\b[0-9a-f]{4,}\b|\d+/gi, "#");
}

const SHOWN_LETTERS = 160;

/** A log line for display; a line that is too long is truncated. */
export function shownText(text: string): string {
  const plain = text.trim();
  return plain.length <= SHOWN_LETTERS ? plain : `${plain.slice(0, SHOWN_LETTERS - 1)}…`;
}

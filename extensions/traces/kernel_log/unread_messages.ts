/**
 * Lines of known areas that no row of the table matches. Each form is listed once, with the number
 * of lines that have it.
 */
import { isCutByPager } from "./general/cut_lines.ts";
import type { UnreadLine } from "./kernel_log_reader.ts";

export interface UnreadMessage extends UnreadLine {
  /** Number of lines of this form. */
  times: number;
}

/** Largest number of forms that are kept; lines of further forms are only counted. */
const MAX_FORMS = 256;

/** A key that is equal for lines that differ only in their numbers. */
export function formKey(text: string): string {
  return text.replace(/0x[0-9a-f]+|\b[0-9a-f]{4,}\b|\d+/gi, "#");
}

export class UnreadMessages {
  readonly #forms = new Map<string, UnreadMessage>();
  /** Number of lines of forms beyond {@linkcode MAX_FORMS}. */
  more = 0;

  push(line: UnreadLine): void {
    const key = formKey(line.text);
    const known = this.#forms.get(key);
    if (known !== undefined) known.times++;
    else if (this.#forms.size === MAX_FORMS) this.more++;
    else this.#forms.set(key, { ...line, times: 1 });
  }

  /** All kept forms; the forms that report an error come first. */
  list(): readonly UnreadMessage[] {
    return [...this.#forms.values()].sort((a, b) =>
      Number(b.isWrong) - Number(a.isWrong) || a.line - b.line
    );
  }
}

/** Largest number of forms that are printed. */
const SHOWN_FORMS = 20;
const SHOWN_LETTERS = 160;
/** A log line for display; a line that is too long is truncated. */
export function shownText(text: string): string {
  const plain = text.trim();
  return plain.length <= SHOWN_LETTERS ? plain : `${plain.slice(0, SHOWN_LETTERS - 1)}…`;
}

/** One line of text for each form: its area, line number, count and text. */
export function unreadLines(unread: UnreadMessages): string[] {
  const list = unread.list();
  const rest = list.slice(SHOWN_FORMS).reduce((sum, { times }) => sum + times, unread.more);
  return [
    ...list.slice(0, SHOWN_FORMS).map(({ area, line, text, times }) =>
      `${area}, ${times === 1 ? `line ${line}` : `${times} times, first in line ${line}`}: ${
        shownText(text)
      }`
    ),
    ...rest === 0 ? [] : [`and ${rest} more lines in other forms`],
    ...list.some(({ text }) => isCutByPager(text))
      ? ["lines that end with `>` were cut by a pager: give the output of `journalctl --no-pager`"]
      : [],
  ];
}

/** Lines of known areas that no row of the table reads: each form once, with how often it comes. */
import type { UnreadLine } from "./kernel_log_reader.ts";

export interface UnreadMessage extends UnreadLine {
  /** How often a line of this form comes. */
  times: number;
}

/** Forms that are kept; of more only the number of their lines. */
const MAX_FORMS = 256;

/** Lines that are alike but for their numbers are one form. */
function formKey(text: string): string {
  return text.replace(/0x[0-9a-f]+|\b[0-9a-f]{4,}\b|\d+/gi, "#");
}

export class UnreadMessages {
  readonly #forms = new Map<string, UnreadMessage>();
  /** Lines of forms that are not kept. */
  more = 0;

  push(line: UnreadLine): void {
    const key = formKey(line.text);
    const known = this.#forms.get(key);
    if (known !== undefined) known.times++;
    else if (this.#forms.size === MAX_FORMS) this.more++;
    else this.#forms.set(key, { ...line, times: 1 });
  }

  /** All messages; the ones that report an error come first. */
  list(): readonly UnreadMessage[] {
    return [...this.#forms.values()].sort((a, b) =>
      Number(b.isWrong) - Number(a.isWrong) || a.line - b.line
    );
  }
}

/** The most forms that are printed. */
const SHOWN_FORMS = 20;
const SHOWN_LETTERS = 160;

/** A line of a log as it is printed: a line that is too long is cut. */
export function shownText(text: string): string {
  const plain = text.trim();
  return plain.length <= SHOWN_LETTERS ? plain : `${plain.slice(0, SHOWN_LETTERS - 1)}…`;
}

/** One line for each form: its area, place, number and text. */
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
  ];
}

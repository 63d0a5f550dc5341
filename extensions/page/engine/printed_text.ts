/**
 * What a run has printed, as far as a page shows it: its beginning and its end. A browser takes seconds
 * to lay out a million characters.
 */

const FIRST_LENGTH = 30_000;
const LAST_LENGTH = 10_000;

export class PrintedText {
  #first = "";
  #last = "";
  #length = 0;

  add(text: string): void {
    const room = FIRST_LENGTH - this.#first.length;
    this.#first += text.slice(0, room);
    this.#last = (this.#last + text.slice(room)).slice(-LAST_LENGTH);
    this.#length += text.length;
  }

  /** With the number of characters that were left out. */
  get shown(): string {
    const left = this.#length - this.#first.length - this.#last.length;
    const between = left > 0 ? `\n… ${left} more characters …\n` : "";
    return `${this.#first}${between}${this.#last}`;
  }
}

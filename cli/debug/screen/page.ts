/** Lines that fill the screen and can be scrolled. */
import type { Paint } from "@dmalab/lang/render";
import { foldLine } from "@dmalab/lang/text";
import type { KeyPress } from "../../terminal/keys.ts";
import { fitLine } from "../../terminal/styled.ts";
import type { Room } from "./screen_model.ts";

export class ScrolledPage {
  readonly #title: string;
  readonly #lines: readonly string[];
  /** The same at the width of the screen. */
  #folded: readonly string[];
  #top = 0;
  /** Lines that were shown the last time. */
  #seen = 1;

  constructor(title: string, lines: readonly string[]) {
    this.#title = title;
    this.#lines = this.#folded = lines;
  }

  /** Scrolls; false for a key that does not. */
  press(key: KeyPress): boolean {
    const steps: Readonly<Record<string, number>> = {
      j: 1,
      k: -1,
      down: 1,
      up: -1,
      pagedown: this.#seen,
      pageup: -this.#seen,
      " ": this.#seen,
      home: -Infinity,
      end: Infinity,
    };
    const step = steps[key.name === "text" ? key.text : key.name];
    if (step === undefined) return false;
    const last = Math.max(0, this.#folded.length - this.#seen);
    this.#top = Math.max(0, Math.min(this.#top + step, last));
    return true;
  }

  /** The rows of a screen. */
  rows({ columns, rows }: Room, paint: Paint): string[] {
    this.#seen = Math.max(1, rows - 1);
    this.#folded = this.#lines.flatMap((line) => foldLine(line, columns));
    const { length } = this.#folded;
    this.#top = Math.max(0, Math.min(this.#top, length - this.#seen));
    const end = Math.min(length, this.#top + this.#seen);
    const part = length > this.#seen ? `  lines ${this.#top + 1} to ${end} of ${length}` : "";
    const title = `── ${this.#title}${part}  q closes `;
    const shown = [
      [["strong", title]] as const,
      ...this.#folded.slice(this.#top, end).map((line) => [line] as const),
    ];
    return Array.from({ length: rows }, (_, row) => fitLine(shown[row] ?? [], columns, paint));
  }
}

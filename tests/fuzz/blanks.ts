/** Where a program may have blanks, line ends and comments: a person's hand, drawn by lot. */
import type { Choices } from "./choices.ts";

const REMARKS = ["why", "each page", 'x { y } "z"', "TODO: none, ; [", "…", "0x1000 // not C"];

export class Blanks {
  /** @param messy False writes one blank and plain line ends everywhere. */
  constructor(readonly choices: Choices, readonly messy: boolean) {}

  /** Between two words that need no blank. */
  get none(): string {
    return this.messy && this.choices.oneIn(8) ? this.#spaces() : "";
  }

  /** Between two words that need one. */
  get one(): string {
    return this.messy && this.choices.oneIn(8) ? this.#spaces() : " ";
  }

  /** Where a line may end without ending a statement. */
  get open(): string {
    if (!this.messy || !this.choices.oneIn(6)) return this.one;
    return this.choices.oneIn(3) ? this.comment("\n") : `\n${this.#spaces()}`;
  }

  /** The same, where no blank is needed. */
  get joint(): string {
    return this.messy && this.choices.oneIn(6) ? this.open : this.none;
  }

  /** Between two statements. */
  get end(): string {
    if (!this.messy) return "\n";
    switch (this.choices.below(8)) {
      case 0:
        return "; ";
      case 1:
        return `${this.none};${this.none}`;
      case 2:
        return this.comment("\n");
      case 3:
        return `\n\n${this.#spaces()}`;
      case 4:
        return `\n${this.#spaces()}# ${this.choices.pick(REMARKS)}\n`;
      default:
        return `\n${this.#spaces()}`;
    }
  }

  /** Between two entries. */
  get entry(): string {
    return this.choices.oneIn(2) ? `,${this.open}` : this.end;
  }

  /** A comment up to the end of the line, and perhaps more below it. */
  comment(lineEnd: string): string {
    const more = this.choices.oneIn(4) ? `  # ${this.choices.pick(REMARKS)}${lineEnd}` : "";
    return `${this.one}# ${this.choices.pick(REMARKS)}${lineEnd}${more}`;
  }

  #spaces(): string {
    return this.choices.oneIn(20) ? "\t" : " ".repeat(this.choices.between(1, 4));
  }
}

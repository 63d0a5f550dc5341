/** Output of a run with empty lines between its parts. */
import type { Screen } from "../screen.ts";

/**
 * Writes an empty line before and after the output of each test. The empty lines show where the
 * output begins and ends.
 */
export class SpacedLines {
  #last: "head" | "body" | "verdict" | null = null;
  #bodyBefore = false;
  /** A heading that is not written yet. */
  #head: string | null = null;

  constructor(private readonly screen: Screen) {}

  /** Sets the heading of the next lines; if no line follows, the heading is not printed. */
  head(line: string): void {
    this.#head = line;
  }

  body(line: string): void {
    this.#writeHead();
    if (this.#last === "head" || this.#last === "verdict") this.screen.out("\n");
    this.#bodyBefore = true;
    this.#write("body", line);
  }

  verdict(line: string, below: readonly string[]): void {
    this.#writeHead();
    // A verdict directly follows the output of its test. If the test before this one had output, an
    // empty line follows that test's verdict.
    if (this.#last === "verdict" && this.#bodyBefore) this.screen.out("\n");
    this.#bodyBefore = this.#last === "body";
    this.#write("verdict", line);
    for (const each of below) this.screen.out(`${each}\n`);
  }

  #writeHead(): void {
    const head = this.#head;
    this.#head = null;
    if (head !== null) this.#write("head", head);
  }

  #write(kind: "head" | "body" | "verdict", line: string): void {
    this.#last = kind;
    this.screen.out(`${line}\n`);
  }
}

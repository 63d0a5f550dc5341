/**
 * An input that is typed, edited or piped line by line, until it is complete.
 *
 * Parsing the whole input after each line would take a time that grows with the square of its
 * length. A short input is nevertheless parsed after each line, so that an error shows at once. A
 * long input is parsed when its brackets are closed, or when it has grown by a quarter since it was
 * parsed last.
 */
import { opensMore } from "@dmalab/lang/syntax";

/** Up to this length, an input is parsed after each line. */
const SHORT_CHARS = 2000;
const GROWTH = 1.25;

export class PendingInput {
  #lines: string[] = [];
  /** The text of the last call of edit(). */
  #edited = "";
  #chars = 0;
  #readChars = 0;
  /** Number of open brackets. */
  #depth = 0;

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  get text(): string {
    return this.#lines.join("\n");
  }

  /** Adds a line. @returns Whether the whole input should be parsed now. */
  add(line: string): boolean {
    this.#lines.push(line);
    this.#chars += line.length + 1;
    return this.#isDue(line);
  }

  /**
   * Replaces the input by an edited one. Usually an edit only adds text at the end.
   * @returns The same as add().
   */
  edit(text: string): boolean {
    if (!text.startsWith(this.#edited)) this.clear();
    const added = text.slice(this.#edited.length);
    this.#edited = text;
    this.#chars = text.length;
    return this.#isDue(added);
  }

  #isDue(added: string): boolean {
    const { depth, goesOn } = opensMore(added);
    this.#depth += depth;
    const isDue = this.#chars <= SHORT_CHARS || this.#chars >= GROWTH * this.#readChars ||
      (this.#depth <= 0 && !goesOn);
    if (isDue) this.#readChars = this.#chars;
    return isDue;
  }

  clear(): void {
    this.#lines = [];
    this.#edited = "";
    this.#chars = this.#readChars = this.#depth = 0;
  }
}

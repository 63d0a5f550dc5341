/**
 * An input that is typed, edited or piped line by line, until it is whole.
 *
 * To read all of it again after each line takes a time that grows with the square of its length. A
 * short input is read after each line, so that a mistake shows at once; a long one when its brackets
 * are closed, or when it has grown by a quarter since.
 */
import { opensMore } from "@dmalab/lang/syntax";

/** An input of so many characters is read after each line. */
const SHORT_CHARS = 2000;
const GROWTH = 1.25;

export class PendingInput {
  #lines: string[] = [];
  /** The text that was edited last. */
  #edited = "";
  #chars = 0;
  #readChars = 0;
  /** Brackets that are open. */
  #depth = 0;

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  get text(): string {
    return this.#lines.join("\n");
  }

  /** Adds a line; true when the whole input is worth reading. */
  add(line: string): boolean {
    this.#lines.push(line);
    this.#chars += line.length + 1;
    return this.#isDue(line);
  }

  /** Takes an edited input, which mostly goes on where the one before ended; true as for `add()`. */
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

/** Lines that arrive whenever they like, for a reader that takes them one by one. */
export class LineQueue implements AsyncIterable<string> {
  readonly #waiting: string[] = [];
  #ended = false;
  #wake: (() => void) | null = null;

  /** Adds a line. */
  push(line: string): void {
    this.#waiting.push(line);
    this.#wake?.();
  }

  /** No more lines will come. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for (;;) {
      const line = this.#waiting.shift();
      if (line !== undefined) {
        yield line;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = null;
      }
    }
  }
}

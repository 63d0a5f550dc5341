/** Things that arrive whenever they like, for a reader that takes them one by one. */
export class Queue<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = [];
  #ended = false;
  #wake: (() => void) | null = null;

  /** Adds one. */
  push(thing: T): void {
    this.#waiting.push(thing);
    this.#wake?.();
  }

  /** How many are waiting. */
  get length(): number {
    return this.#waiting.length;
  }

  /** No more will come. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const thing = this.#waiting.shift();
      if (thing !== undefined) {
        yield thing;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = null;
      }
    }
  }
}

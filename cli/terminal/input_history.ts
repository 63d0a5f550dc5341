/** Earlier inputs, each in one piece, with any number of lines. */

const MAX_INPUTS = 1000;

export class InputHistory {
  readonly #inputs: string[];
  /** Does something with each new one. */
  onAdd: (input: string) => void = () => {};

  /** @param inputs Of earlier sessions, the oldest first. */
  constructor(inputs: readonly string[] = []) {
    this.#inputs = inputs.slice(-MAX_INPUTS);
  }

  get length(): number {
    return this.#inputs.length;
  }

  /** The one of a number; undefined without one. */
  at(index: number): string | undefined {
    return index < 0 ? undefined : this.#inputs[index];
  }

  /** Keeps an input, unless it is the same as the last. */
  add(input: string): void {
    const text = input.trimEnd();
    if (text.trim() === "" || text === this.#inputs.at(-1)) return;
    this.#inputs.push(text);
    if (this.#inputs.length > MAX_INPUTS) this.#inputs.shift();
    this.onAdd(text);
  }

  /** The last one before a number that has some text in it; -1 for none. */
  find(text: string, from: number, way: 1 | -1): number {
    for (let index = from; index >= 0 && index < this.#inputs.length; index += way) {
      if (this.#inputs[index]!.includes(text)) return index;
    }
    return -1;
  }
}

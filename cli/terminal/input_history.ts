/** Earlier inputs; each is a single text of one line or several. */

const MAX_INPUTS = 1000;

export class InputHistory {
  readonly #inputs: string[];
  /** Called with each new input. */
  onAdd: (input: string) => void = () => {};

  /** @param inputs Inputs of earlier sessions, the oldest first. */
  constructor(inputs: readonly string[] = []) {
    this.#inputs = inputs.slice(-MAX_INPUTS);
  }

  get length(): number {
    return this.#inputs.length;
  }

  /** The input with an index; undefined if no input has it. */
  at(index: number): string | undefined {
    return index < 0 ? undefined : this.#inputs[index];
  }

  /** Adds an input, unless it is empty or equal to the last one. */
  add(input: string): void {
    const text = input.trimEnd();
    if (text.trim() === "" || text === this.#inputs.at(-1)) return;
    this.#inputs.push(text);
    if (this.#inputs.length > MAX_INPUTS) this.#inputs.shift();
    this.onAdd(text);
  }

  /**
   * Index of the nearest input that contains a text, searched from an index forwards or backwards; -1
   * if no input does.
   */
  find(text: string, from: number, way: 1 | -1): number {
    for (let index = from; index >= 0 && index < this.#inputs.length; index += way) {
      if (this.#inputs[index]!.includes(text)) return index;
    }
    return -1;
  }
}

/**
 * Keeps the bytes of completed commands, for those who ask after them.
 *
 * Most are never asked for, so keeping one must cost next to nothing: the bytes of many lie side by
 * side in one array, where an array and a view for each took a third of a request's whole time.
 */
import { SQE_BYTES } from "../protocol.ts";

const SQE_WORDS = SQE_BYTES / 4;
/** Commands in an array. A command that is still referenced keeps its whole array in memory. */
const COMMANDS_PER_ARRAY = 64;

/** Where a command is kept. */
export interface CommandKeeper {
  /** The array that holds the command's words, and the index of the first. */
  keptWords: Int32Array | null;
  keptAt: number;
}

export class CommandArchive {
  #words = new Int32Array(0);
  #usedWords = 0;

  /** Copies a command as it stands and tells the keeper where it is. */
  keep(keeper: CommandKeeper, command: Int32Array): void {
    if (this.#usedWords === this.#words.length) {
      this.#words = new Int32Array(COMMANDS_PER_ARRAY * SQE_WORDS);
      this.#usedWords = 0;
    }
    const words = this.#words;
    const at = this.#usedWords;
    for (let index = 0; index < SQE_WORDS; index++) words[at + index] = command[index]!;
    keeper.keptWords = words;
    keeper.keptAt = at;
    this.#usedWords = at + SQE_WORDS;
  }
}

/** A copy of the 64 bytes of a kept command. */
export function keptBytes(words: Int32Array, at: number): Uint8Array {
  return new Uint8Array(words.slice(at, at + SQE_WORDS).buffer);
}

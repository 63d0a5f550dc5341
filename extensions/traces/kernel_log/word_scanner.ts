/** Finds which of some words are in a text; the text is read once, however many words there are. */

const MIN_WORD_LENGTH = 3;
const HASH_BITS = 15;
const HASH_MASK = (1 << HASH_BITS) - 1;
/** The place of three letters in the table moves by so many bits for each letter. */
const LETTER_BITS = 5;
const LETTER_MASK = (1 << LETTER_BITS) - 1;

/** Words in lower case, of at least three characters each. */
export class WordScanner {
  /** For each value of three letters, the number of the first word that begins with such letters, plus 1. */
  readonly #first = new Int16Array(1 << HASH_BITS);
  /** For each word, the number of the next word with the same value, plus 1. */
  readonly #next: Int16Array;

  /** @throws {RangeError} if a word is too short or not in lower case. */
  constructor(readonly words: readonly string[]) {
    this.#next = new Int16Array(words.length);
    for (const [index, word] of words.entries()) {
      if (word.length < MIN_WORD_LENGTH || word !== word.toLowerCase()) {
        throw new RangeError(`"${word}" is no word for a scanner`);
      }
      let value = 0;
      for (let at = 0; at < MIN_WORD_LENGTH; at++) value = valueWith(value, word.charCodeAt(at));
      this.#next[index] = this.#first[value]!;
      this.#first[value] = index + 1;
    }
  }

  /** Whether a text in lower case has any of the words. */
  hasAny(lower: string): boolean {
    return this.#scan(lower, null);
  }

  /** The numbers of the words that a text in lower case has, each once, in order. */
  in(lower: string): readonly number[] {
    const found: number[] = [];
    this.#scan(lower, found);
    return found.length < 2 ? found : found.sort((a, b) => a - b);
  }

  /** @param found Receives the numbers of all words; null if one word is enough. */
  #scan(lower: string, found: number[] | null): boolean {
    const { length } = lower;
    const { words } = this;
    const [first, next] = [this.#first, this.#next];
    let value = 0;
    for (let at = 0; at < length; at++) {
      value = valueWith(value, lower.charCodeAt(at));
      let index = first[value]!;
      while (index !== 0) {
        if (lower.startsWith(words[index - 1]!, at + 1 - MIN_WORD_LENGTH)) {
          if (found === null) return true;
          if (!found.includes(index - 1)) found.push(index - 1);
        }
        index = next[index - 1]!;
      }
    }
    return false;
  }
}

function valueWith(value: number, letter: number): number {
  return (value << LETTER_BITS | letter & LETTER_MASK) & HASH_MASK;
}

/** The class that a driver wants its device to have, if it compares the class itself. */

/** A comparison after which the driver refuses a device of another class. */
const COMPARED = /->\s{0,4}class\s{0,4}(>>\s{0,4}8\s{0,4})?\)?\s{0,4}!=\s{0,4}\(?\s{0,4}(\w+)/g;
const MOST = 2 ** 24;

export interface ComparedClass {
  /** The class with its programming interface, as 24 bits. */
  readonly code: number;
  readonly path: string;
  readonly index: number;
}

/**
 * @param texts Texts of the driver with their paths, without the lines that the preprocessor drops.
 * @param constants Constants of these texts, by name.
 * @returns Null if the driver compares none, or several.
 */
export function comparedClass(
  texts: Iterable<readonly [path: string, text: string]>,
  constants: ReadonlyMap<string, number>,
): ComparedClass | null {
  const found = [...texts].flatMap(([path, text]) =>
    [...text.matchAll(COMPARED)].map(({ 1: shift, 2: word, index }) => {
      const number = constants.get(word!) ?? Number(word);
      return { code: shift === undefined ? number : number * 2 ** 8, path, index };
    })
  ).filter(({ code }) => Number.isInteger(code) && code > 0 && code < MOST);
  const [first] = found;
  return first !== undefined && found.every(({ code }) => code === first.code) ? first : null;
}

/** The class that a driver wants its device to have: by an entry of its table, or because it compares the class. */
import { valueOf } from "./active_text.ts";

/** A comparison after which the driver refuses a device of another class. */
const COMPARED = /->\s{0,4}class\s{0,4}(>>\s{0,4}8\s{0,4})?\)?\s{0,4}!=\s{0,4}\(?\s{0,4}(\w+)/g;
/** The class and its mask in an entry of a table of ids, by a macro, by names, or by their positions. */
const IN_ENTRY = [
  /\bPCI_DEVICE_CLASS\s{0,4}\(\s{0,20}([^,{}]{1,100}),\s{0,20}([^,{}]{1,40})\)/,
  /\.class\s{0,20}=\s{0,20}([^,{}]{1,100}),\s{0,20}\.class_mask\s{0,20}=\s{0,20}([^,{}]{1,40})/,
  /^\{(?:[^,{}()]{1,60},){4}([^,{}]{1,100}),([^,{}]{1,40})/,
];
const MOST = 2 ** 24;

/**
 * @param entry The text of an entry, from its brace on.
 * @param constants Constants of the driver's texts, by name.
 * @returns The class that an entry of a table of ids asks for, as 24 bits; null if it takes any class.
 */
export function classOfEntry(entry: string, constants: ReadonlyMap<string, number>): number | null {
  for (const pattern of IN_ENTRY) {
    const [, code, mask] = pattern.exec(entry) ?? [];
    if (code === undefined) continue;
    const [value, bits] = [code, mask!].map((text) => numberOf(text, constants));
    if (value == null || bits == null) continue;
    const wanted = Number(BigInt(value) & BigInt(bits) & BigInt(MOST - 1));
    // A name without a value counts as 0, and no device has a base class of 0.
    if (wanted >= 2 ** 16) return wanted;
  }
  return null;
}

/** The value of an expression with constants; `~0` and the like are all bits. */
function numberOf(text: string, constants: ReadonlyMap<string, number>): number | null {
  const plain = text.trim().replaceAll(/\b(0[xX][\da-fA-F]+|\d+)[uUlL]+\b/g, "$1");
  if (/^~\s*0$/.test(plain) || plain === "PCI_ANY_ID") return 2 ** 32 - 1;
  const value = valueOf(plain, constants);
  return value !== null && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

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

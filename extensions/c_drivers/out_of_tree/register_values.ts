/** Values to try for a register that a driver reads, taken from the driver's own constants. */

/** Matches names of constants that a driver waits for or compares with. */
const AWAITED =
  /STAT|READY|RDY|DONE|MAGIC|VERSION|SIGNATURE|IDENT|_ID\b|VALID|LOCK|IDLE|_OK\b|_UP\b/i;
const WORD = /\b(?:0x[\da-fA-F]+|\d+|[A-Z_][A-Z\d_]{2,})/g;
/** Number of lines that are searched for values, after the use of a register. */
const LINES_NEAR = 15;
const MOST_NEAR = 120;
const MOST_NAMED = 60;
/**
 * Bit offsets at which a register may have a field. Values that fit a byte are tried at each of
 * these offsets.
 */
const SHIFTS = [4, 8, 16, 24];
const LARGEST = 0xffff_ffff;

export interface RegisterValue {
  readonly value: number;
  readonly why: string;
}

/**
 * Values to try, the likeliest first: all ones, 0 (for a self-clearing bit) and 1, numbers beside
 * the register's name, constants with names that suggest a value that a driver waits for, and
 * single bits.
 *
 * @param offset The register's offset in its BAR.
 * @param texts Sources and headers of the driver.
 * @param constants The constants that the texts define, by name.
 */
export function registerValues(
  offset: number,
  texts: readonly string[],
  constants: ReadonlyMap<string, number>,
): readonly RegisterValue[] {
  const found = new Map([[LARGEST, "all ones"], [0, "0"], [1, "1"]]);
  const add = (value: number, why: string) => {
    if (value > 0 && value <= LARGEST && !found.has(value)) found.set(value, why);
  };
  for (const [value, why] of valuesNear(offset, texts, constants)) add(value, why);
  let named = 0;
  for (const [name, value] of constants) {
    if (!AWAITED.test(name) || /PCI_(?:VENDOR|DEVICE)/.test(name)) continue;
    if (named++ < MOST_NAMED) add(value, name);
  }
  for (let bit = 1; bit < 32; bit++) add(2 ** bit, `bit ${bit}`);
  return [...found].map(([value, why]) => ({ value, why }));
}

/** Numbers in the lines after a mention of a register's name. */
function valuesNear(
  offset: number,
  texts: readonly string[],
  constants: ReadonlyMap<string, number>,
): readonly (readonly [value: number, why: string])[] {
  const names = [...constants].filter(([, value]) => value === offset).map(([name]) => name);
  const used = names.length === 0 ? null : new RegExp(`\\b(?:${names.join("|")})\\b`);
  const found = new Map<number, string>();
  for (const text of used === null ? [] : texts) {
    const lines = text.split("\n");
    for (const [at, line] of lines.entries()) {
      if (!used!.test(line) || /^\s*#/.test(line)) continue;
      const near = lines.slice(at, at + LINES_NEAR).join("\n");
      for (const [word] of near.matchAll(WORD)) {
        const value = constants.get(word) ?? Number(word);
        if (Number.isInteger(value) && found.size < MOST_NEAR) found.set(value, word);
      }
    }
  }
  return [...found].flatMap(([value, word]) => [
    [value, word] as const,
    ...value > 0xff
      ? []
      : SHIFTS.map((shift) => [value * 2 ** shift, `${word} << ${shift}`] as const),
  ]);
}

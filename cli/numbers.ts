/** A whole number as a person writes it: decimal or hexadecimal, `_` between digits; else null. */
export function readWholeNumber(text: string): number | null {
  if (!/^(?:\d+(?:_\d+)*|0x[\da-f]+(?:_[\da-f]+)*)$/i.test(text)) return null;
  const value = Number(text.replaceAll("_", ""));
  return Number.isSafeInteger(value) ? value : null;
}

/** Numbers of an order: `1st`, `2nd`, `11th`. */
export function formatOrdinal(number: number): string {
  const tens = number % 100;
  const suffix = tens >= 11 && tens <= 13 ? undefined : SUFFIXES[number % 10];
  return `${number}${suffix ?? "th"}`;
}

const SUFFIXES: readonly (string | undefined)[] = [undefined, "st", "nd", "rd"];

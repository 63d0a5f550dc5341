/** Whether two syntax trees say the same, wherever in the text they say it. */

/** Compares two trees; places are not looked at. */
export function sameTree(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return false;
  }
  const [ours, theirs] = [parts(one), parts(other)];
  return ours.length === theirs.length &&
    ours.every(([key, value], index) => {
      const [otherKey, otherValue] = theirs[index]!;
      return key === otherKey && sameTree(value, otherValue);
    });
}

function parts(node: object): [string, unknown][] {
  return Object.entries(node).filter(([key]) => key !== "span" && !key.endsWith("Span"));
}

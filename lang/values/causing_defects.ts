/**
 * Finds the known defects (the switches) that cause a wrong result.
 *
 * The causes cannot be derived from the events. Therefore the same run is repeated on a machine
 * without one of the switches, for each switch. If the result is then right, that switch was the
 * cause.
 */
import type { QuirkName, QuirkSet } from "@dmalab/runtime/kernels";

/** Limit of the steps of all runs for one search: about a second. */
export const ATTRIBUTION_STEPS = 50_000_000;

/**
 * The switches that cause a wrong result.
 *
 * @param holds Repeats the run without some switches; returns true when the result is then right.
 * @param together How many switches may be needed at once. With 2, pairs are tried when no single
 *   switch is enough.
 * @returns Lists of switches. Each list has one switch if one switch is enough, or two switches if
 *   both are needed. Empty when two are not enough.
 */
export function causingDefects(
  quirks: QuirkSet,
  holds: (off: readonly QuirkName[]) => boolean,
  together: 1 | 2 = 1,
): readonly (readonly QuirkName[])[] {
  const all = [...quirks];
  const single = all.map((quirk) => [quirk]).filter(holds);
  if (single.length > 0 || together === 1) return single;
  const pairs = all.flatMap((one, index) =>
    all.slice(index + 1).map((other): readonly QuirkName[] => [one, other])
  );
  return pairs.filter(holds);
}

/** A set of switches from which some switches are removed. */
export function withoutDefects(quirks: QuirkSet, off: readonly QuirkName[]): QuirkSet {
  return new Set([...quirks].filter((own) => !off.includes(own)));
}

/** ``fixed by `quirks = [not a]` or `quirks = [not b]` ``; null for no remedy. */
export function attributionText(remedies: readonly (readonly QuirkName[])[]): string | null {
  if (remedies.length === 0) return null;
  const texts = remedies.map((off) =>
    `\`quirks = [${off.map((name) => `not ${name}`).join(", ")}]\``
  );
  return `fixed by ${texts.join(" or ")}`;
}

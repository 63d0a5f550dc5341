/** Finds what comes again and again in a row of things, so that a picture can count it. */

/** Longest group with a repetition that is noticed. */
const MAX_PERIOD = 8;
/** Fewer repetitions are all shown. */
const LEAST_TIMES = 4;

/** A part of a row to show, and how often it is left out after that. */
export interface ShownPart {
  readonly start: number;
  readonly end: number;
  /** How many more times the part comes before the next one to show; 0 for none. */
  readonly hiddenTimes: number;
}

/**
 * Cuts a row into the parts to show. If a group comes four times or more in a row, the first and
 * the last time are shown.
 *
 * @param length How many things there are.
 * @param same Whether two of them, by index, count as the same.
 */
export function shownParts(
  length: number,
  same: (a: number, b: number) => boolean,
): readonly ShownPart[] {
  const parts: ShownPart[] = [];
  let at = 0;
  while (at < length) {
    const repeat = findRepeat(length, same, at);
    if (repeat === null) {
      const last = parts.at(-1);
      // Plain stretches are one part.
      if (last !== undefined && last.hiddenTimes === 0 && last.end === at) {
        parts[parts.length - 1] = { ...last, end: at + 1 };
      } else parts.push({ start: at, end: at + 1, hiddenTimes: 0 });
      at++;
      continue;
    }
    const { period, times } = repeat;
    parts.push({ start: at, end: at + period, hiddenTimes: times - 2 });
    at += period * (times - 1);
    parts.push({ start: at, end: at + period, hiddenTimes: 0 });
    at += period;
  }
  return parts;
}

/** The shortest group that comes at least four times in a row from `from` on. */
function findRepeat(
  length: number,
  same: (a: number, b: number) => boolean,
  from: number,
): { readonly period: number; readonly times: number } | null {
  for (let period = 1; period <= MAX_PERIOD; period++) {
    let at = from + period;
    while (at < length && same(at - period, at)) at++;
    const times = Math.floor((at - from) / period);
    if (times >= LEAST_TIMES) return { period, times };
  }
  return null;
}

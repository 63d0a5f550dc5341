/** Finds repetitions in a sequence, so that a picture can count them. */

/** Longest repeated group that is found. */
const MAX_PERIOD = 8;
/** If there are fewer repetitions than this, all of them are shown. */
const LEAST_TIMES = 4;

/** A part of a sequence to show, and how often it is repeated after that. */
export interface ShownPart {
  readonly start: number;
  readonly end: number;
  /** How many further repetitions are left out before the next part; 0 for none. */
  readonly hiddenTimes: number;
}

/**
 * Divides a sequence into the parts to show. If a group is repeated four times or more, only its
 * first and its last occurrence are shown.
 *
 * @param length Number of items.
 * @param same Whether two items, passed by index, count as the same.
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
      // Adjacent items without a repetition form one part.
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

/** The shortest group that occurs at least four times in a row from `from` on. */
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

/**
 * Where machines of a run are to wait, and which of them is to go where next.
 *
 * A position of a run is given by its way: how many events have happened and how many
 * statements have started. Both take time, and a run may have many of the one and few of the other.
 */

/** Where machines are to wait. All numbers are ways from the beginning of the run. */
export interface WaitingPlan {
  /** One is to wait at each of these, or up to `slack` before it; ascending. */
  readonly places: readonly number[];
  readonly slack: number;
  /** How many are to wait together before the current position; null for none. */
  readonly near: {
    readonly way: number;
    readonly slack: number;
    /** One that waits there or further does not wait before the current position. */
    readonly end: number;
    readonly count: number;
  } | null;
}

/** A machine that is to go somewhere. */
export interface Job {
  /** Which of those that wait; null for a new one. */
  readonly from: number | null;
  /** The way to where it is to wait. */
  readonly to: number;
}

/** Which machines wait where they are to, by their numbers. @param ways Of each, ascending. */
export function neededMachines(
  ways: readonly number[],
  { near, places, slack }: WaitingPlan,
): ReadonlySet<number> {
  const needed = new Set<number>(near === null ? [] : waitingNear(ways, near).slice(-near.count));
  for (const place of places) {
    const index = ways.findLastIndex((way) => way <= place);
    if (index >= 0 && ways[index]! > place - slack) needed.add(index);
  }
  return needed;
}

/**
 * What is to be done next: first for who stands somewhere, then in the midst of the longest stretch
 * without a machine.
 *
 * @param ways Of the machines that wait, ascending.
 * @returns Null when every one waits where it is to.
 */
export function nextJob(ways: readonly number[], plan: WaitingPlan): Job | null {
  const { near } = plan;
  if (near !== null && waitingNear(ways, near).length < near.count) {
    // The shortest way there: what is missing where it came from is made later.
    const from = ways.findLastIndex((way) => way <= near.way - near.slack);
    return { from: from < 0 ? null : from, to: near.way };
  }
  const to = missingPlace(ways, plan);
  if (to === null) return null;
  const needed = neededMachines(ways, plan);
  const from = ways.findLastIndex((way, index) => way <= to && !needed.has(index));
  return { from: from < 0 ? null : from, to };
}

function waitingNear(
  ways: readonly number[],
  { end, slack, way: place }: NonNullable<WaitingPlan["near"]>,
): readonly number[] {
  return [...ways.keys()].filter((index) => {
    const way = ways[index]!;
    return way > place - slack && way < end;
  });
}

/** The middle one of the most places beside each other without a machine; null for none. */
function missingPlace(
  ways: readonly number[],
  { places, slack }: WaitingPlan,
): number | null {
  let first = 0;
  let longest = { first: 0, count: 0 };
  for (const [index, place] of places.entries()) {
    if (ways.some((way) => way > place - slack && way <= place)) first = index + 1;
    else if (index + 1 - first > longest.count) longest = { first, count: index + 1 - first };
  }
  return longest.count === 0 ? null : places[longest.first + (longest.count >>> 1)]!;
}

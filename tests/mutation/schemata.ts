/**
 * Many changes in one text, each behind a switch: a tree of sources is written once, and any of its
 * changes can be tried without transpiling or loading anything again.
 */
import type { Candidate } from "./candidates.ts";

/** A change with the number of its switch. */
export interface Mutant extends Candidate {
  readonly id: number;
}

/** Mutants of one place, and what lies inside that place. */
interface Place {
  readonly start: number;
  readonly end: number;
  readonly mutants: Mutant[];
  readonly inner: Place[];
}

/**
 * The text of a file with a switch at each mutant; lines keep their numbers.
 *
 * @param switchUrl Of the module that has the switches.
 */
export function withSwitches(
  text: string,
  mutants: readonly Mutant[],
  switchUrl: string,
): string {
  if (mutants.length === 0) return text;
  const top: Place = { start: 0, end: text.length, mutants: [], inner: nested(mutants) };
  return `import { isOn as isOn__ } from ${JSON.stringify(switchUrl)}; ${inside(text, top)}`;
}

/** Places in the order of the text, the wider first: what a place has inside follows it. */
function nested(mutants: readonly Mutant[]): Place[] {
  const sorted = mutants.toSorted((a, b) => a.start - b.start || b.end - a.end);
  const top: Place[] = [];
  const open: Place[] = [];
  for (const mutant of sorted) {
    while (open.length > 0 && open.at(-1)!.end <= mutant.start) open.pop();
    const around = open.at(-1);
    if (around !== undefined && around.start === mutant.start && around.end === mutant.end) {
      around.mutants.push(mutant);
      continue;
    }
    const place = { start: mutant.start, end: mutant.end, mutants: [mutant], inner: [] };
    (around?.inner ?? top).push(place);
    open.push(place);
  }
  return top;
}

/** The text of a place, with the switches of what is inside it. */
function inside(text: string, place: Place): string {
  let at = place.start;
  let out = "";
  for (const inner of place.inner) {
    out += text.slice(at, inner.start) + switched(text, inner);
    at = inner.end;
  }
  return out + text.slice(at, place.end);
}

function switched(text: string, place: Place): string {
  let out = inside(text, place);
  for (const { id, replacement } of place.mutants) {
    out = replacement === null
      ? `{ if (!isOn__(${id})) { ${out} } }`
      : `(isOn__(${id}) ? (${replacement}) : (${out}))`;
  }
  return out;
}

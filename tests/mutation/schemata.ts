/**
 * Puts many changes into one text, each behind a switch. The copied sources are written once; after
 * that, each change can be tried without transpiling or loading anything again.
 */
import type { Candidate } from "./candidates.ts";
import type { Mark } from "./uses.ts";

/** A change, with the number of its switch. */
export interface Mutant extends Candidate {
  readonly id: number;
}

/**
 * A range of the text. A place has mutants or the mark of a name, and contains the places that lie
 * inside its range.
 */
interface Place {
  readonly start: number;
  readonly end: number;
  readonly mutants: Mutant[];
  readonly marks: Mark[];
  readonly inner: Place[];
}

/**
 * The text of a file with a switch at each mutant, and with calls that record the use of each
 * marked name. Line numbers stay the same.
 *
 * @param switchUrl URL of the module that contains the switches.
 */
export function withSwitches(
  text: string,
  mutants: readonly Mutant[],
  marks: readonly Mark[],
  switchUrl: string,
): string {
  if (mutants.length + marks.length === 0) return text;
  const inner = nested(mutants, marks);
  const top: Place = { start: 0, end: text.length, mutants: [], marks: [], inner };
  const imported = `import { isOn as isOn__, used as used__ } from ${JSON.stringify(switchUrl)}`;
  return `${imported}; ${inside(text, top)}`;
}

/** The places in the order of the text; a place comes before the places inside it. */
function nested(mutants: readonly Mutant[], marks: readonly Mark[]): Place[] {
  const places: Place[] = [
    ...mutants.map((each) => ({ ...rangeOf(each), mutants: [each], marks: [], inner: [] })),
    ...marks.map((each) => ({ ...rangeOf(each), mutants: [], marks: [each], inner: [] })),
  ];
  const top: Place[] = [];
  const open: Place[] = [];
  for (const place of places.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    while (open.length > 0 && open.at(-1)!.end <= place.start) open.pop();
    const around = open.at(-1);
    if (around !== undefined && around.start === place.start && around.end === place.end) {
      around.mutants.push(...place.mutants);
      around.marks.push(...place.marks);
      continue;
    }
    (around?.inner ?? top).push(place);
    open.push(place);
  }
  return top;
}

function rangeOf({ start, end }: { readonly start: number; readonly end: number }) {
  return { start, end };
}

/** The text of a place, with the switches of all places inside it. */
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
  for (const { id, isShorthand } of place.marks) {
    out = `${isShorthand ? `${out}: ` : ""}(used__[${id}] = 1, ${out})`;
  }
  for (const { id, replacement } of place.mutants) {
    out = replacement === null
      ? `{ if (!isOn__(${id})) { ${out} } }`
      : `(isOn__(${id}) ? (${replacement}) : (${out}))`;
  }
  return out;
}

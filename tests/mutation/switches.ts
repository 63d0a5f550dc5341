/**
 * The switches of the changed sources, all off but one. The only module of the project with a state:
 * it belongs to the process that tries mutants, and is loaded by nothing else.
 */

/** Thrown when code asks for a change so often that its loop has no end. */
export class EndlessError extends Error {}

const NONE = -1;
/** Beside what the clean run needed: loops that grow a little are no endless ones. */
const FREE_ASKS = 300_000;

let active = NONE;
let asksLeft = Infinity;
let asks = new Uint32Array(0);

/** By mark, 1 where the marked name was used. @see uses.ts */
export let used = new Uint8Array(0);

/** True when the sources are to behave as the mutant does. */
export function isOn(id: number): boolean {
  asks[id]!++;
  if (id !== active) return false;
  if (--asksLeft < 0) throw new EndlessError(`mutant ${id} is asked for without an end`);
  return true;
}

/** Makes room for so many mutants, all off, and marks. */
export function reserve(count: number, marks: number): void {
  asks = new Uint32Array(count);
  used = new Uint8Array(marks);
  active = NONE;
}

/**
 * Turns one mutant on.
 *
 * @param asksOfClean How often the clean run asked for it.
 */
export function turnOn(id: number, asksOfClean: number): void {
  active = id;
  asksLeft = FREE_ASKS + 20 * asksOfClean;
}

export function turnOff(): void {
  active = NONE;
}

/** How often each mutant was asked for since the last time, by its id; only the requested ones. */
export function takeAsks(): [id: number, count: number][] {
  const taken: [number, number][] = [];
  for (let id = 0; id < asks.length; id++) if (asks[id]! > 0) taken.push([id, asks[id]!]);
  asks.fill(0);
  return taken;
}

/** The marks with names that were used since the last time. */
export function takeUsed(): number[] {
  const taken: number[] = [];
  for (let id = 0; id < used.length; id++) if (used[id] === 1) taken.push(id);
  used.fill(0);
  return taken;
}

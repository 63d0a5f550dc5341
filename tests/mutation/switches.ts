/**
 * The switches of the changed sources; at most one switch is on. This is the only module of the
 * project that has state. Its state belongs to the process that tries mutants, and only that
 * process loads this module.
 */

/** Thrown when code asks for a mutant so often that it must be in an endless loop. */
export class EndlessError extends Error {}

const NONE = -1;
/**
 * Number of calls of `isOn` for the active mutant that are allowed in addition to 20 times the
 * calls of the clean run. A loop that a mutant made a little longer is not an endless loop.
 */
const FREE_ASKS = 300_000;

let active = NONE;
let asksLeft = Infinity;
let asks = new Uint32Array(0);

/** For each mark, 1 if the marked name was used. @see uses.ts */
export let used = new Uint8Array(0);

/** Whether the sources must behave as the mutant does. */
export function isOn(id: number): boolean {
  asks[id]!++;
  if (id !== active) return false;
  if (--asksLeft < 0) throw new EndlessError(`mutant ${id} is asked for without an end`);
  return true;
}

/** Makes room for `count` mutants, all off, and for `marks` marks. */
export function reserve(count: number, marks: number): void {
  asks = new Uint32Array(count);
  used = new Uint8Array(marks);
  active = NONE;
}

/**
 * Turns one mutant on.
 *
 * @param asksOfClean How often the clean run asked for this mutant.
 */
export function turnOn(id: number, asksOfClean: number): void {
  active = id;
  asksLeft = FREE_ASKS + 20 * asksOfClean;
}

export function turnOff(): void {
  active = NONE;
}

/**
 * How often each mutant was asked for since the last call, by the mutant's id. Mutants that were
 * not asked for are left out.
 */
export function takeAsks(): [id: number, count: number][] {
  const taken: [number, number][] = [];
  for (let id = 0; id < asks.length; id++) if (asks[id]! > 0) taken.push([id, asks[id]!]);
  asks.fill(0);
  return taken;
}

/** The marks of the names that were used since the last call. */
export function takeUsed(): number[] {
  const taken: number[] = [];
  for (let id = 0; id < used.length; id++) if (used[id] === 1) taken.push(id);
  used.fill(0);
  return taken;
}

/** What is asked most: values of names, of an expression, and bytes. */
import type { Answer } from "./look.ts";
import { LookError } from "./look.ts";
import type { Position } from "./position.ts";
import type { Recording } from "./recording.ts";
import { boundValues, type Seen, type SeenFrame } from "./reruns.ts";

/** A name with its value at a moment. */
export interface ShownVariable {
  readonly name: string;
  /** "an int", "a request" … */
  readonly kind: string;
  /** As `print` writes it; strings in quotes. */
  readonly text: string;
}

/** The most bytes that are read at once. */
const MOST_BYTES = 2 ** 20;

/**
 * The names that a call of the script sees, with their values.
 *
 * @param frame Which call, 0 for the innermost.
 */
export function variablesAt(
  recording: Recording,
  at: Position,
  frame = 0,
): readonly ShownVariable[] {
  return recording.reruns.look(at, (seen) => {
    const found = seen.frames()[frame];
    if (found === undefined) return [];
    return boundValues(seen, found).map(({ name, value }) => {
      const { kind, text } = recording.looker.answer(value, seen);
      return { name, kind, text };
    });
  });
}

/**
 * What an expression is at a moment.
 *
 * @param frame In which call of the script, 0 for the innermost.
 * @param then Gets the value while the machine still stands there, for its parts.
 * @throws {LookError} When it is no expression, has no value there, or would change something.
 */
export function evaluate<T = Answer>(
  recording: Recording,
  at: Position,
  text: string,
  frame = 0,
  then: (answer: Answer, seen: Seen) => T = (answer) => answer as T,
): T {
  const question = recording.looker.question(text);
  return recording.reruns.look(at, (seen) => {
    const found: SeenFrame | null = seen.frames()[frame] ?? null;
    return then(question.ask(seen, found), seen);
  });
}

/**
 * Bytes of memory at a moment, by the CPU's address: what memory holds, past the CPU's caches.
 *
 * @throws {LookError} Where there is no memory.
 */
export function readMemory(
  recording: Recording,
  at: Position,
  phys: number,
  sizeBytes: number,
): Uint8Array {
  if (!(sizeBytes >= 0 && sizeBytes <= MOST_BYTES)) {
    throw new LookError(`Cannot read ${sizeBytes} bytes`, `from 0 to ${MOST_BYTES} at once`);
  }
  return recording.reruns.look(at, ({ vm }) => {
    const into = new Uint8Array(sizeBytes);
    try {
      vm.world.readMemory(phys, into);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new LookError(`There is no memory from 0x${phys.toString(16)} on`);
    }
    return into;
  });
}

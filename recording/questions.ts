/** What is asked most: values of names, of an expression, and bytes. */
import { type Kind, kindOf } from "@dmalab/lang/values";
import { refuseNamesOfC } from "./c_names.ts";
import { type Answer, LookError } from "./look.ts";
import type { Position } from "./position.ts";
import type { Recording } from "./recording.ts";
import { boundValues, type Seen } from "./machines/replay.ts";

/** A name with its value at a moment. */
export interface ShownVariable {
  /** As the source names it. */
  readonly name: string;
  /** "an int", "a request" … */
  readonly kind: string;
  /** As `print` writes it; strings in quotes. */
  readonly text: string;
}

/** What is said of a value, as text. */
export type Said = Omit<ShownVariable, "name">;

/** The names that a call of the script sees. */
export interface SeenNames {
  readonly variables: readonly ShownVariable[];
  /** Of each variable, and of what the machine binds to a name. */
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly machineNames: readonly string[];
}

/** The most bytes that are read at once. */
const MOST_BYTES = 2 ** 20;

/**
 * The names that a call of the script sees, with their values.
 *
 * @param frame Which call, 0 for the innermost.
 */
export function namesAt(recording: Recording, at: Position, frame = 0): SeenNames {
  return recording.answers.at(at, {
    key: `names ${frame}`,
    ask(seen) {
      const { globals } = seen.vm.world;
      const found = seen.frames()[frame];
      const bound = found === undefined ? [] : boundValues(seen, found);
      const variables = bound.map(({ name, value }) => {
        const { kind, text } = recording.looker.answer(value, seen);
        return { name, kind, text };
      });
      const kinds = new Map([...globals].map(([name, value]) => [name, kindOf(value)]));
      for (const { name, value } of bound) kinds.set(name, kindOf(value));
      return { variables, kinds, machineNames: [...globals.keys()] };
    },
    sizeOf: ({ variables }) => sizeOfTexts(variables),
  });
}

/** The names that a call of the script sees, with their values. @param frame Which call, 0 for the innermost. */
export function variablesAt(
  recording: Recording,
  at: Position,
  frame = 0,
): readonly ShownVariable[] {
  return namesAt(recording, at, frame).variables;
}

/** What texts take, in bytes. */
export function sizeOfTexts(all: readonly Said[]): number {
  return all.reduce((sum, { text }) => sum + 2 * text.length, 0);
}

/**
 * What an expression is at a moment, as text.
 *
 * @param frame In which call of the script, 0 for the innermost.
 * @throws {LookError} When it is no expression, has no value there, or would change something.
 */
export function evaluate(recording: Recording, at: Position, text: string, frame = 0): Said {
  return askValue(recording, at, text, frame, {
    name: "value",
    then: ({ kind, text }) => ({ kind, text }),
    sizeOf: (said) => sizeOfTexts([said]),
  });
}

/** What an expression in the innermost call is at a moment, for who decides by its kind. @throws {LookError} */
export function evaluateKind(
  recording: Recording,
  at: Position,
  text: string,
): { readonly kind: Kind; readonly text: string } {
  return askValue(recording, at, text, 0, {
    name: "kind",
    then: ({ text, value }) => ({ kind: kindOf(value), text }),
    sizeOf: (said) => sizeOfTexts([said]),
  });
}

/** What is made of the value of an expression while the machine still stands there. */
export interface Made<T> {
  /** Tells what is made from everything else that is. */
  readonly name: string;
  /** @returns What lasts when the machine goes on. */
  then(answer: Answer, seen: Seen): T;
  /** About how many bytes that takes. */
  sizeOf(made: T): number;
}

/**
 * What is made of the value of an expression at a moment.
 *
 * @param frame In which call of the script, 0 for the innermost.
 * @throws {LookError} When it is no expression, has no value there, or would change something.
 */
export function askValue<T>(
  recording: Recording,
  at: Position,
  text: string,
  frame: number,
  { name, sizeOf, then }: Made<T>,
): T {
  const question = recording.looker.question(text);
  return recording.answers.at(at, {
    key: `${name} ${frame} ${text}`,
    ask(seen, steps) {
      const called = seen.frames()[frame] ?? null;
      if (called !== null) refuseNamesOfC(recording.code, called.statement, question);
      return then(question.ask(seen, called, steps), seen);
    },
    sizeOf,
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
  const bytes = recording.answers.at(at, {
    key: `bytes ${phys} ${sizeBytes}`,
    ask({ vm }) {
      const into = new Uint8Array(sizeBytes);
      try {
        vm.world.readMemory(phys, into);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new LookError(`There is no memory from 0x${phys.toString(16)} on`);
      }
      return into;
    },
    sizeOf: ({ length }) => length,
  });
  // They are the caller's, who may write to them.
  return bytes.slice();
}

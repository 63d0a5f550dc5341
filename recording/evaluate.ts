/** What is asked most: values of names, of an expression, and bytes. */
import { type Type, typeOf } from "@dmalab/lang/values";
import { refuseNamesOfC } from "./c_names.ts";
import { EvaluationError, type EvaluationResult } from "./evaluator.ts";
import type { Position } from "./position.ts";
import type { Recording } from "./recording.ts";
import { boundValues, type PausedFrame, type PausedRun } from "./machines/replay.ts";

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
export type ValueText = Omit<ShownVariable, "name">;

/** The names that a call of the script sees. */
export interface VisibleNames {
  readonly variables: readonly ShownVariable[];
  /** Of each variable, and of what the machine binds to a name. */
  readonly kinds: ReadonlyMap<string, Type>;
  readonly machineNames: readonly string[];
}

/** The most bytes that are read at once. */
const MAX_BYTES = 2 ** 20;

/**
 * The names that a call of the script sees, with their values.
 *
 * @param frame Which call, 0 for the innermost.
 */
export function namesAt(recording: Recording, position: Position, frame = 0): VisibleNames {
  return recording.evaluationCache.at(position, {
    key: `names ${frame}`,
    ask(paused) {
      const { globals } = paused.vm.machine;
      const found = frameOf(recording, paused, frame);
      const bound = found === null ? [] : boundValues(paused, found);
      const variables = bound.map(({ name, value }) => {
        const { kind, text } = recording.evaluator.answer(value, paused);
        return { name, kind, text };
      });
      const kinds = new Map([...globals].map(([name, value]) => [name, typeOf(value)]));
      for (const { name, value } of bound) kinds.set(name, typeOf(value));
      return { variables, kinds, machineNames: [...globals.keys()] };
    },
    sizeOf: ({ variables }) => sizeOfTexts(variables),
  });
}

/** The names that a call of the script sees, with their values. @param frame Which call, 0 for the innermost. */
export function variablesAt(
  recording: Recording,
  position: Position,
  frame = 0,
): readonly ShownVariable[] {
  return namesAt(recording, position, frame).variables;
}

/** A call of the script that runs where a machine is asked, 0 for the innermost; null for none. */
export function frameOf(
  recording: Recording,
  paused: PausedRun,
  frame: number,
): PausedFrame | null {
  return paused.frames()[recording.returnedCalls(paused.position) + frame] ?? null;
}

/** What texts take, in bytes. */
export function sizeOfTexts(all: readonly ValueText[]): number {
  return all.reduce((sum, { text }) => sum + 2 * text.length, 0);
}

/**
 * What an expression is at a moment, as text.
 *
 * @param frame In which call of the script, 0 for the innermost.
 * @throws {EvaluationError} When it is no expression, has no value there, or would change something.
 */
export function evaluate(
  recording: Recording,
  position: Position,
  text: string,
  frame = 0,
): ValueText {
  return evaluateInto(recording, position, text, frame, {
    name: "value",
    then: ({ kind, text }) => ({ kind, text }),
    sizeOf: (said) => sizeOfTexts([said]),
  });
}

/** What an expression is at a moment, as text; why it is nothing, in brackets. */
export function valueOrReason(recording: Recording, position: Position, text: string): string {
  try {
    return evaluate(recording, position, text).text;
  } catch (error) {
    if (error instanceof EvaluationError) return `(${error.message})`;
    throw error;
  }
}

/** What an expression in the innermost call is at a moment, for who decides by its kind. @throws {EvaluationError} */
export function evaluateType(
  recording: Recording,
  position: Position,
  text: string,
): { readonly kind: Type; readonly text: string } {
  return evaluateInto(recording, position, text, 0, {
    name: "kind",
    then: ({ text, value }) => ({ kind: typeOf(value), text }),
    sizeOf: (said) => sizeOfTexts([said]),
  });
}

/** What is made of the value of an expression while the machine still stands there. */
export interface Made<T> {
  /** Tells what is made from everything else that is. */
  readonly name: string;
  /** @returns What lasts when the machine goes on. */
  then(result: EvaluationResult, paused: PausedRun): T;
  /** About how many bytes that takes. */
  sizeOf(made: T): number;
}

/**
 * What is made of the value of an expression at a moment.
 *
 * @param frame In which call of the script, 0 for the innermost.
 * @throws {EvaluationError} When it is no expression, has no value there, or would change something.
 */
export function evaluateInto<T>(
  recording: Recording,
  position: Position,
  text: string,
  frame: number,
  { name, sizeOf, then }: Made<T>,
): T {
  const expression = recording.evaluator.question(text);
  return recording.evaluationCache.at(position, {
    key: `${name} ${frame} ${text}`,
    ask(paused, steps) {
      const called = frameOf(recording, paused, frame);
      if (called !== null) refuseNamesOfC(recording.code, called.statement, expression);
      return then(expression.evaluate(paused, called, steps), paused);
    },
    sizeOf,
  });
}

/**
 * Bytes of memory at a moment, by the CPU's address: what memory holds, past the CPU's caches.
 *
 * @throws {EvaluationError} Where there is no memory.
 */
export function readMemory(
  recording: Recording,
  position: Position,
  phys: number,
  sizeBytes: number,
): Uint8Array {
  if (!(sizeBytes >= 0 && sizeBytes <= MAX_BYTES)) {
    throw new EvaluationError(`Cannot read ${sizeBytes} bytes`, `from 0 to ${MAX_BYTES} at once`);
  }
  const bytes = recording.evaluationCache.at(position, {
    key: `bytes ${phys} ${sizeBytes}`,
    ask({ vm }) {
      const into = new Uint8Array(sizeBytes);
      try {
        vm.machine.readMemory(phys, into);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new EvaluationError(`There is no memory from 0x${phys.toString(16)} on`);
      }
      return into;
    },
    sizeOf: ({ length }) => length,
  });
  // They are the caller's, who may write to them.
  return bytes.slice();
}

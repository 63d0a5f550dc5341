/** The values of a moment with what is in them, one level at a time: what a debugger opens. */
import {
  Handle,
  ListValue,
  Quantity,
  RecordValue,
  typeAndTarget,
  typeChain,
  type Value,
} from "@dmalab/lang/values";
import { EvaluationError } from "./evaluator.ts";
import type { Position } from "./position.ts";
import { evaluateInto, frameOf, sizeOfTexts } from "./evaluate.ts";
import type { Recording } from "./recording.ts";
import { boundValues, type PausedFrame, type PausedRun } from "./machines/replay.ts";

/** A value at a moment, and how much is in it. */
export interface OpenValue {
  /** "an int", "a request" … */
  readonly kind: string;
  /** As `print` writes it; strings in quotes. */
  readonly text: string;
  /** Items of a list, entries of a record, fields of a thing of the machine; 0 for nothing. */
  readonly partCount: number;
  /** The parts have numbers instead of names. */
  readonly isList: boolean;
  /** The CPU's address of the memory that it is, or that it names; null for none. */
  readonly phys: number | null;
}

/** A value that is in another one, or has a name of its own. */
export interface ValuePart extends OpenValue {
  readonly name: string;
  /** What asks for it; null where no expression does. */
  readonly expression: string | null;
}

const NAME = /^[A-Za-z_]\w*$/;

/**
 * What an expression is at a moment.
 *
 * @param frame In which call of the script, 0 for the innermost.
 * @throws {EvaluationError} When it is no expression, has no value there, or would change something.
 */
export function openValue(
  recording: Recording,
  position: Position,
  expression: string,
  frame = 0,
): OpenValue {
  return evaluateInto(recording, position, expression, frame, {
    name: "open",
    then: ({ value }, paused) => opened(recording, value, paused),
    sizeOf: (open) => sizeOfTexts([open]),
  });
}

/** The names that a call of the script sees. @param frame Which call, 0 for the innermost. */
export function openVariables(
  recording: Recording,
  position: Position,
  frame = 0,
): readonly ValuePart[] {
  return recording.evaluationCache.at<readonly ValuePart[]>(position, {
    key: `open names ${frame}`,
    ask(paused) {
      const found = frameOf(recording, paused, frame);
      if (found === null) return [];
      return boundValues(paused, found).map(({ name, value }) => ({
        name,
        expression: name,
        ...opened(recording, value, paused),
      }));
    },
    sizeOf: sizeOfTexts,
  });
}

/**
 * What is in the value of an expression. A part without a value has the reason as its text.
 *
 * @param frame In which call of the script, 0 for the innermost.
 * @param window The first part and how many; all when left out.
 * @throws {EvaluationError} As {@linkcode openValue} does.
 */
export function partsOf(
  recording: Recording,
  position: Position,
  expression: string,
  frame = 0,
  window: { readonly first: number; readonly count: number } = { first: 0, count: Infinity },
): readonly ValuePart[] {
  const { count, first } = window;
  return evaluateInto<readonly ValuePart[]>(recording, position, expression, frame, {
    name: `parts ${first} ${count}`,
    then({ value }, paused) {
      const asked = frameOf(recording, paused, frame);
      const whole = NAME.test(expression) ? expression : `(${expression})`;
      return namedParts(value, whole, first, count).map((part) => ({
        name: part.name,
        expression: part.expression,
        ...part.value === undefined
          ? fieldOf(recording, part.expression!, paused, asked)
          : opened(recording, part.value, paused),
      }));
    },
    sizeOf: sizeOfTexts,
  });
}

/** What is in a value, by name; without a value where an expression tells it. */
function namedParts(value: Value, whole: string, first: number, count: number): readonly {
  readonly name: string;
  readonly expression: string | null;
  readonly value?: Value;
}[] {
  const within = <T>(all: readonly T[]) => all.slice(first, first + count);
  if (value instanceof ListValue) {
    return within(value.items).map((item, index) => ({
      name: String(first + index),
      expression: `${whole}[${first + index}]`,
      value: item,
    }));
  }
  if (value instanceof RecordValue) {
    return within([...value.entries]).map(([name, entry]) => ({
      name,
      expression: NAME.test(name) ? `${whole}.${name}` : null,
      value: entry,
    }));
  }
  return within(fieldNames(value)).map((name) => ({ name, expression: `${whole}.${name}` }));
}

function fieldOf(
  recording: Recording,
  expression: string,
  paused: PausedRun,
  frame: PausedFrame | null,
): OpenValue {
  try {
    return opened(
      recording,
      recording.evaluator.question(expression).evaluate(paused, frame).value,
      paused,
    );
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    return { kind: "nothing", text: error.message, partCount: 0, isList: false, phys: null };
  }
}

function opened(recording: Recording, value: Value, paused: PausedRun): OpenValue {
  const { kind, text } = recording.evaluator.answer(value, paused);
  return {
    kind,
    text,
    partCount: value instanceof ListValue
      ? value.items.length
      : value instanceof RecordValue
      ? value.entries.size
      : fieldNames(value).length,
    isList: value instanceof ListValue,
    phys: physOf(recording, value, paused),
  };
}

/** The fields of a thing of the machine; of other values the text says all. */
function fieldNames(value: Value): readonly string[] {
  if (!(value instanceof Handle)) return [];
  const names = new Set<string>();
  for (const type of typeChain(value.type)) {
    for (const { name } of type.fields()) names.add(name);
  }
  return [...names];
}

function physOf(recording: Recording, value: Value, { vm }: PausedRun): number | null {
  if (value instanceof Quantity) return value.kind === "phys" ? value.value : null;
  if (!(value instanceof Handle)) return null;
  const { type, target } = typeAndTarget(value, recording.evaluator.registry.types)!;
  const field = type.fields().find(({ type: kind, name }) => name === "phys" && kind === "phys");
  const phys = field?.get(target, vm);
  return phys instanceof Quantity ? phys.value : null;
}

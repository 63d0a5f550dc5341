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
import { LookError } from "./look.ts";
import type { Position } from "./position.ts";
import { askValue, sizeOfTexts } from "./questions.ts";
import type { Recording } from "./recording.ts";
import { boundValues, type Seen, type SeenFrame } from "./machines/replay.ts";

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
 * @throws {LookError} When it is no expression, has no value there, or would change something.
 */
export function openValue(
  recording: Recording,
  at: Position,
  expression: string,
  frame = 0,
): OpenValue {
  return askValue(recording, at, expression, frame, {
    name: "open",
    then: ({ value }, seen) => opened(recording, value, seen),
    sizeOf: (open) => sizeOfTexts([open]),
  });
}

/** The names that a call of the script sees. @param frame Which call, 0 for the innermost. */
export function openVariables(
  recording: Recording,
  at: Position,
  frame = 0,
): readonly ValuePart[] {
  return recording.answers.at<readonly ValuePart[]>(at, {
    key: `open names ${frame}`,
    ask(seen) {
      const found = seen.frames()[frame];
      if (found === undefined) return [];
      return boundValues(seen, found).map(({ name, value }) => ({
        name,
        expression: name,
        ...opened(recording, value, seen),
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
 * @throws {LookError} As {@linkcode openValue} does.
 */
export function partsOf(
  recording: Recording,
  at: Position,
  expression: string,
  frame = 0,
  window: { readonly first: number; readonly count: number } = { first: 0, count: Infinity },
): readonly ValuePart[] {
  const { count, first } = window;
  return askValue<readonly ValuePart[]>(recording, at, expression, frame, {
    name: `parts ${first} ${count}`,
    then({ value }, seen) {
      const asked = seen.frames()[frame] ?? null;
      const whole = NAME.test(expression) ? expression : `(${expression})`;
      return namedParts(value, whole, first, count).map((part) => ({
        name: part.name,
        expression: part.expression,
        ...part.value === undefined
          ? fieldOf(recording, part.expression!, seen, asked)
          : opened(recording, part.value, seen),
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
  seen: Seen,
  frame: SeenFrame | null,
): OpenValue {
  try {
    return opened(recording, recording.looker.question(expression).ask(seen, frame).value, seen);
  } catch (error) {
    if (!(error instanceof LookError)) throw error;
    return { kind: "nothing", text: error.message, partCount: 0, isList: false, phys: null };
  }
}

function opened(recording: Recording, value: Value, seen: Seen): OpenValue {
  const { kind, text } = recording.looker.answer(value, seen);
  return {
    kind,
    text,
    partCount: value instanceof ListValue
      ? value.items.length
      : value instanceof RecordValue
      ? value.entries.size
      : fieldNames(value).length,
    isList: value instanceof ListValue,
    phys: physOf(recording, value, seen),
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

function physOf(recording: Recording, value: Value, { vm }: Seen): number | null {
  if (value instanceof Quantity) return value.kind === "phys" ? value.value : null;
  if (!(value instanceof Handle)) return null;
  const { type, target } = typeAndTarget(value, recording.looker.registry.types)!;
  const field = type.fields().find(({ kind, name }) => name === "phys" && kind === "phys");
  const phys = field?.get(target, vm);
  return phys instanceof Quantity ? phys.value : null;
}

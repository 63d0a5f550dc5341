/** Evaluation at a position: values of names and of expressions, their members, and bytes. */
import {
  Handle,
  ListValue,
  type NativePart,
  type NativeValue,
  Quantity,
  RecordValue,
  type Type,
  typeAndTarget,
  typeChain,
  typeOf,
  type Value,
} from "@dmalab/lang/values";
import { EvaluationError, type EvaluationResult } from "./evaluator.ts";
import type { Position } from "./position.ts";
import type { Recording } from "./recording.ts";
import { boundValues, type PausedFrame, type PausedRun } from "./machines/replay.ts";

/** A value as text, with its type. */
export interface ValueText {
  /** "an int", "a request" … */
  readonly kind: string;
  /** The value as `print` writes it; strings in quotes. */
  readonly text: string;
}

/** A name with its value at a position. */
export interface ShownVariable extends ValueText {
  /** The name in the source. */
  readonly name: string;
}

/** A value at a position, with the number of its members, for a debugger that expands it. */
export interface OpenValue extends ValueText {
  /**
   * The type, for callers that decide by type.
   * @internal
   */
  readonly type: Type;
  /**
   * Number of members: items of a list, entries of a record, fields of a handle; 0 for other
   * values.
   */
  readonly partCount: number;
  /** True if the members have indices instead of names. */
  readonly isList: boolean;
  /** The CPU's address of the memory that the value represents or refers to; null for none. */
  readonly phys: number | null;
}

/** A member of a value, or a named value. */
export interface ValuePart extends OpenValue {
  /** The member's name in the value. */
  readonly name: string;
  /** The expression for the member; null if there is no such expression. */
  readonly expression: string | null;
}

const NAME = /^[A-Za-z_]\w*$/;
/** Maximum number of bytes per read. */
const MAX_BYTES = 2 ** 20;

/**
 * The value of an expression at a position.
 *
 * @param frame The index of the script's call, 0 for the innermost.
 * @throws {EvaluationError} When the text is not an expression, has no value at that position, or
 *   would change something.
 */
export function evaluate(
  recording: Recording,
  position: Position,
  expression: string,
  frame = 0,
): OpenValue {
  return evaluateInto(recording, position, expression, frame, {
    name: "value",
    then: ({ native, value }, paused) =>
      native === undefined ? opened(recording, value, paused) : openedNative(native),
    sizeOf: (open) => sizeOfTexts([open]),
  });
}

/** The value of an expression at a position, as text. If there is no value, the reason in brackets. */
export function valueOrReason(recording: Recording, position: Position, text: string): string {
  try {
    return evaluate(recording, position, text).text;
  } catch (error) {
    if (error instanceof EvaluationError) return `(${error.message})`;
    throw error;
  }
}

/**
 * The names that are visible in a call of the script or of C, with their values.
 *
 * @param frame The index of the call, 0 for the innermost.
 * @param scope `globals` for the file-scope names that a call of C sees. For a call of the script,
 *   the result of `globals` is empty.
 */
export function variablesAt(
  recording: Recording,
  position: Position,
  frame = 0,
  scope: "locals" | "globals" = "locals",
): readonly ValuePart[] {
  return recording.evaluationCache.at<readonly ValuePart[]>(position, {
    key: `${scope} ${frame}`,
    ask: (paused) => variablesSeen(recording, paused, frame, scope),
    sizeOf: sizeOfTexts,
  });
}

/**
 * The names and values that `variablesAt` returns, read from a machine that is already at the
 * position.
 */
export function variablesSeen(
  recording: Recording,
  paused: PausedRun,
  frame = 0,
  scope: "locals" | "globals" = "locals",
): readonly ValuePart[] {
  const found = frameOf(recording, paused, frame);
  if (found === null) return [];
  if (found.native !== null) return found.native.variables(scope).map(nativePart);
  if (scope === "globals") return [];
  return boundValues(paused, found).map(({ name, value }) => ({
    name,
    expression: name,
    ...opened(recording, value, paused),
  }));
}

/** The names in the machine, with the types of their values. */
export function machineNamesAt(
  recording: Recording,
  position: Position,
): ReadonlyMap<string, Type> {
  return recording.evaluationCache.at(position, {
    key: "machine names",
    ask: ({ vm }) => new Map([...vm.machine.globals].map(([name, value]) => [name, typeOf(value)])),
    sizeOf: () => 0,
  });
}

/**
 * The members of an expression's value. If a member has no value, its text is the reason.
 *
 * @param frame The index of the script's call, 0 for the innermost.
 * @param window The index of the first member, and the number of members; default: all members.
 * @throws {EvaluationError} As {@linkcode evaluate} does.
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
    then({ native, value }, paused) {
      if (native !== undefined) return native.parts(first, count).map(nativePart);
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

/**
 * The members of a value, by name. If an expression must be evaluated to get a member, the member
 * is returned without a value.
 */
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
    const { message: text } = error;
    return { kind: "nothing", type: typeOf(null), text, partCount: 0, isList: false, phys: null };
  }
}

function opened(recording: Recording, value: Value, paused: PausedRun): OpenValue {
  const { kind, text } = recording.evaluator.answer(value, paused);
  return {
    kind,
    type: typeOf(value),
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

function openedNative(
  { isList, kind, partCount, phys, text }: NativeValue,
): OpenValue {
  return { kind, type: "any", text, partCount, isList, phys };
}

function nativePart({ expression, name, value }: NativePart): ValuePart {
  return { name, expression, ...openedNative(value) };
}

/** The fields of a handle. Empty for other values, because their text describes them fully. */
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

/**
 * The active call of the script with the index `frame` at the paused position; 0 is the innermost
 * call. Null if there is no such call.
 */
function frameOf(
  recording: Recording,
  paused: PausedRun,
  frame: number,
): PausedFrame | null {
  return paused.frames()[recording.returnedCalls(paused.position) + frame] ?? null;
}

/** Memory of texts, in bytes. */
function sizeOfTexts(all: readonly ValueText[]): number {
  return all.reduce((sum, { text }) => sum + 2 * text.length, 0);
}

/** Computes a result from the value of an expression, while the machine is at the position. */
interface EvaluatedInto<T> {
  /** Identifies the kind of result in the cache. */
  readonly name: string;
  /** @returns A result that stays valid when the machine continues. */
  then(result: EvaluationResult, paused: PausedRun): T;
  /** Approximate size of a result in bytes. */
  sizeOf(made: T): number;
}

/**
 * Evaluates an expression at a position, and returns a result that is computed from its value.
 *
 * @param frame The index of the script's call, 0 for the innermost.
 * @throws {EvaluationError} When the text is not an expression, has no value at that position, or
 *   would change something.
 */
function evaluateInto<T>(
  recording: Recording,
  position: Position,
  text: string,
  frame: number,
  { name, sizeOf, then }: EvaluatedInto<T>,
): T {
  const expression = recording.evaluator.question(text);
  return recording.evaluationCache.at(position, {
    key: `${name} ${frame} ${text}`,
    ask(paused, steps) {
      const called = frameOf(recording, paused, frame);
      return then(expression.evaluate(paused, called, steps), paused);
    },
    sizeOf,
  });
}

/**
 * Bytes of memory at a position, by the CPU's address. The contents of memory are read, not those
 * of the CPU's caches.
 *
 * @throws {EvaluationError} If there is no memory at the address.
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
  // A copy, because the caller may write to the bytes.
  return bytes.slice();
}

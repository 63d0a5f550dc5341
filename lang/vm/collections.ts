/** Iteration, indexing and matching of values. */
import type { ExecutionContext } from "../values/execution_context.ts";
import { valuesEqual } from "../values/equality.ts";
import {
  comparableNumbers,
  comparableTypes,
  isNumeric,
  typeOf,
  typeText,
} from "../values/value_types.ts";
import { describeValue, mixHint, numberIn } from "../values/operators.ts";
import { KindError, ScriptError } from "../values/script_error.ts";
import { inherited } from "../values/types.ts";
import {
  BytesValue,
  Handle,
  ListValue,
  Quantity,
  RangeValue,
  type Ratio,
  RecordValue,
  type Value,
} from "../values/value.ts";

/** The items of a `for`, by position. */
export interface Walk {
  readonly source: Value;
  readonly length: number;
  at(index: number): Value;
}

/**
 * The items of a list, range or bytes, for `for`. For ranges of ints this is not called: the VM
 * itself counts through them.
 */
export function iterationItems(value: Value): Walk {
  if (value instanceof ListValue) {
    const items = value.walked();
    // Keep alive the items that are iterated, even if the list gets other items meanwhile.
    return {
      source: new ListValue(items),
      length: items.length,
      at: (index) => items[index]!,
    };
  }
  if (value instanceof RangeValue) {
    const { first, kind } = value;
    return {
      source: value,
      length: Math.max(0, value.end - first),
      at: (index) => kind === "int" ? first + index : new Quantity(kind, first + index),
    };
  }
  if (value instanceof BytesValue) {
    return { source: value, length: value.bytes.length, at: (index) => value.bytes[index]! };
  }
  throw new KindError(
    `Cannot iterate over ${describeValue(value)} with \`for\``,
    "`for` takes a range, a list or bytes",
  );
}

/**
 * `object[index]`.
 *
 * @throws {ScriptError} E0915 for an index outside the object, E0913 for an object that cannot be
 *   indexed.
 */
export function indexValue(object: Value, index: Value, context: ExecutionContext): Value {
  if (object instanceof ListValue) {
    return object.items[position(index, object.items.length, "list")]!;
  }
  if (object instanceof BytesValue) {
    return object.bytes[position(index, object.bytes.length, "bytes")]!;
  }
  if (typeof object === "string") return object[position(index, object.length, "string")]!;
  if (object instanceof RecordValue && typeof index === "string") {
    const entry = object.entries.get(index);
    if (entry !== undefined) return entry;
    throw new ScriptError("E0915", `The record has no entry "${index}"`);
  }
  if (object instanceof Handle) {
    const indexed = inherited(object.type, "index");
    if (indexed !== undefined) {
      return indexed.call(object.type, object.target as never, index, context);
    }
  }
  throw new KindError(`Cannot index ${describeValue(object)}`);
}

/** The position that an index means in a value with `length` items. */
export function position(index: Value, length: number, what: string): number {
  if (typeof index !== "number") {
    throw new KindError(`An index is an int, not ${describeValue(index)}`);
  }
  if (index >= 0 && index < length) return index;
  throw new ScriptError(
    "E0915",
    `Index ${index} is outside the ${what} of length ${length}`,
    length === 0 ? null : `indexes go from 0 to ${length - 1}`,
  );
}

/**
 * True if the value of a `match` fits a pattern: it lies in the pattern's range, or equals the
 * pattern's value.
 *
 * If the kinds differ, the value does not fit; this is not an error, because `match` may be used to
 * distinguish kinds. Numbers of different kinds count as one kind.
 */
export function patternMatches(subject: Value, pattern: Value, context: ExecutionContext): boolean {
  const type = typeOf(subject);
  const range = pattern instanceof RangeValue && !(subject instanceof RangeValue);
  const wanted = range ? pattern.kind : typeOf(pattern);
  if (!isNumeric(type) || !isNumeric(wanted)) {
    return !range && comparableTypes(type, wanted) && valuesEqual(subject, pattern, context);
  }
  if (!range) return valuesEqual(subject, pattern, context);
  if (!comparableNumbers(type, wanted)) {
    throw new KindError(
      `Cannot look for ${describeValue(subject)} in a range of ${typeText(wanted)}`,
      mixHint("==", type, wanted),
    );
  }
  const value = numberIn(subject as number | Quantity | Ratio);
  return value >= pattern.first && value < pattern.end;
}

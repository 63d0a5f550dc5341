/** `==` on values. */
import type { ExecutionContext } from "./execution_context.ts";
import { deeper } from "./depth.ts";
import { comparableTypes, typeOf, typeText } from "./value_types.ts";
import { CHARACTER_BYTES, COMPARE_STEPS, STEP_BYTES } from "./limits.ts";
import { isNumber, mixHint, numberIn } from "./operators.ts";
import { KindError } from "./script_error.ts";
import { inherited } from "./types.ts";
import {
  BytesValue,
  EnumValue,
  Handle,
  ListValue,
  RangeValue,
  RecordValue,
  type Value,
} from "./value.ts";

/**
 * True when two values are equal: numbers by number, words by name, lists and records part by part,
 * handles as their type defines it.
 *
 * @param context The run to which handles belong; null before there is a run.
 * @param depth Number of lists and records around both values.
 * @throws {ScriptError} E0913 for kinds that can never be equal, such as phys and dma.
 * @throws {LimitError} E0803 for values that are nested too deeply.
 */
export function valuesEqual(
  left: Value,
  right: Value,
  context: ExecutionContext | null,
  depth = 0,
): boolean {
  if (typeof left === "string" && typeof right === "string") {
    return textsEqual(left, right, context);
  }
  context?.work(COMPARE_STEPS);
  if (left === right) return true;
  if (left === null || right === null) return false;
  const leftKind = typeOf(left);
  const rightKind = typeOf(right);
  if (!comparableTypes(leftKind, rightKind)) {
    throw new KindError(
      `Cannot compare ${typeText(leftKind)} with ${typeText(rightKind)}`,
      mixHint("==", leftKind, rightKind),
    );
  }
  if (left instanceof Handle) return handleEquals(left, right, context);
  if (right instanceof Handle) return handleEquals(right, left, context);
  if (isNumber(left) && isNumber(right)) return numberIn(left) === numberIn(right);
  if (left instanceof EnumValue && right instanceof EnumValue) return left.name === right.name;
  if (left instanceof ListValue && right instanceof ListValue) {
    return itemsEqual(left.items, right.items, context, deeper(depth));
  }
  if (left instanceof RecordValue && right instanceof RecordValue) {
    return recordsEqual(left, right, context, deeper(depth));
  }
  if (left instanceof BytesValue && right instanceof BytesValue) {
    return bytesEqual(left.bytes, right.bytes, context);
  }
  if (left instanceof RangeValue && right instanceof RangeValue) {
    return left.first === right.first && left.end === right.end &&
      (left.kind === right.kind || left.kind === "int" || right.kind === "int");
  }
  return false;
}

/** Only texts of equal length are charged: texts of other lengths differ at once. */
function textsEqual(left: string, right: string, context: ExecutionContext | null): boolean {
  if (left.length !== right.length) return false;
  context?.work(CHARACTER_BYTES * left.length / STEP_BYTES);
  return left === right;
}

/** Number of bytes that are compared between two charges. */
const PART_BYTES = 4096;

/**
 * True if two arrays have the same bytes. It is a loop, because `every` takes ten times as long on
 * typed arrays.
 */
export function bytesEqual(
  left: Uint8Array,
  right: Uint8Array,
  context: ExecutionContext | null,
): boolean {
  if (left.length !== right.length) return false;
  for (let start = 0; start < left.length; start += PART_BYTES) {
    context?.work(PART_BYTES / STEP_BYTES);
    const end = Math.min(start + PART_BYTES, left.length);
    for (let index = start; index < end; index++) {
      if (left[index] !== right[index]) return false;
    }
  }
  return true;
}

function itemsEqual(
  left: readonly Value[],
  right: readonly Value[],
  context: ExecutionContext | null,
  depth: number,
): boolean {
  return left.length === right.length &&
    left.every((item, index) => valuesEqual(item, right[index]!, context, depth));
}

function recordsEqual(
  left: RecordValue,
  right: RecordValue,
  context: ExecutionContext | null,
  depth: number,
): boolean {
  if (left.entries.size !== right.entries.size) return false;
  for (const [key, value] of left.entries) {
    const other = right.entries.get(key);
    if (other === undefined || !valuesEqual(value, other, context, depth)) return false;
  }
  return true;
}

function handleEquals(handle: Handle, other: Value, context: ExecutionContext | null): boolean {
  // `iommu` is the name of an object and of a word. The object counts as the word when it is
  // compared with a word.
  if (other instanceof EnumValue && other.name === handle.type.name) return true;
  const equals = inherited(handle.type, "equals");
  // The type knows how to compare its targets.
  if (equals !== undefined && context !== null) {
    return equals.call(handle.type, handle.target as never, other, context);
  }
  return other instanceof Handle && other.target === handle.target;
}

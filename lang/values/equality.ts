/** `==` on values. */
import type { Run } from "./run.ts";
import { deeper } from "./depth.ts";
import { comparableKinds, describeKind, kindOf } from "./kinds.ts";
import { CHARACTER_BYTES, COMPARE_STEPS, STEP_BYTES } from "./limits.ts";
import { mixHint, numberIn } from "./operators.ts";
import { ScriptError } from "./script_error.ts";
import { inherited } from "./types.ts";
import {
  BytesValue,
  Handle,
  ListValue,
  Quantity,
  RangeValue,
  Ratio,
  RecordValue,
  type Value,
  Word,
} from "./value.ts";

/**
 * True when two values are the same: numbers by number, words by name, lists and records part by
 * part, things as their type says.
 *
 * @param run The run that things belong to; null where there are none yet.
 * @param depth Lists and records that both are in.
 * @throws {ScriptError} E0913 for kinds that can never be equal, such as phys and dma.
 * @throws {LimitError} E0803 for values that are nested too deeply.
 */
export function valuesEqual(left: Value, right: Value, run: Run | null, depth = 0): boolean {
  if (typeof left === "string" && typeof right === "string") return textsEqual(left, right, run);
  run?.work(COMPARE_STEPS);
  if (left === right) return true;
  if (left === null || right === null) return false;
  const leftKind = kindOf(left);
  const rightKind = kindOf(right);
  if (!comparableKinds(leftKind, rightKind)) {
    throw new ScriptError(
      "E0913",
      `Cannot compare ${describeKind(leftKind)} with ${describeKind(rightKind)}`,
      mixHint("==", leftKind, rightKind),
    );
  }
  if (left instanceof Handle) return handleEquals(left, right, run);
  if (right instanceof Handle) return handleEquals(right, left, run);
  if (isNumber(left) && isNumber(right)) return numberIn(left) === numberIn(right);
  if (left instanceof Word && right instanceof Word) return left.name === right.name;
  if (left instanceof ListValue && right instanceof ListValue) {
    return itemsEqual(left.items, right.items, run, deeper(depth));
  }
  if (left instanceof RecordValue && right instanceof RecordValue) {
    return recordsEqual(left, right, run, deeper(depth));
  }
  if (left instanceof BytesValue && right instanceof BytesValue) {
    return bytesEqual(left.bytes, right.bytes, run);
  }
  if (left instanceof RangeValue && right instanceof RangeValue) {
    return left.first === right.first && left.end === right.end &&
      (left.kind === right.kind || left.kind === "int" || right.kind === "int");
  }
  return false;
}

/** Texts of different lengths differ at once. */
function textsEqual(left: string, right: string, run: Run | null): boolean {
  if (left.length !== right.length) return false;
  run?.work(CHARACTER_BYTES * left.length / STEP_BYTES);
  return left === right;
}

/** Bytes that are compared between two charges. */
const PART_BYTES = 4096;

/** True for the same bytes. A loop, because `every` takes ten times as long on typed arrays. */
export function bytesEqual(left: Uint8Array, right: Uint8Array, run: Run | null): boolean {
  if (left.length !== right.length) return false;
  for (let start = 0; start < left.length; start += PART_BYTES) {
    run?.work(PART_BYTES / STEP_BYTES);
    const end = Math.min(start + PART_BYTES, left.length);
    for (let index = start; index < end; index++) {
      if (left[index] !== right[index]) return false;
    }
  }
  return true;
}

function isNumber(value: Value): value is number | Quantity | Ratio {
  return typeof value === "number" || value instanceof Quantity || value instanceof Ratio;
}

function itemsEqual(
  left: readonly Value[],
  right: readonly Value[],
  run: Run | null,
  depth: number,
): boolean {
  return left.length === right.length &&
    left.every((item, index) => valuesEqual(item, right[index]!, run, depth));
}

function recordsEqual(
  left: RecordValue,
  right: RecordValue,
  run: Run | null,
  depth: number,
): boolean {
  if (left.entries.size !== right.entries.size) return false;
  for (const [key, value] of left.entries) {
    const other = right.entries.get(key);
    if (other === undefined || !valuesEqual(value, other, run, depth)) return false;
  }
  return true;
}

function handleEquals(handle: Handle, other: Value, run: Run | null): boolean {
  // `iommu` is a thing and a word: where it is compared with a word, the word is meant.
  if (other instanceof Word && other.name === handle.type.name) return true;
  const equals = inherited(handle.type, "equals");
  // Only the type knows what its target is.
  if (equals !== undefined && run !== null) {
    return equals.call(handle.type, handle.target as never, other, run);
  }
  return other instanceof Handle && other.target === handle.target;
}

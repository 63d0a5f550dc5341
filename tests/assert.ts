/**
 * Assertions of the Deno standard library, typed.
 *
 * The library's npm package ships JavaScript only; this façade gives the functions that we use
 * their types.
 */
import { isDeepStrictEqual } from "node:util";
// @ts-types="./assert.d.ts"
import { assertEquals as assertEqualsOrExplain } from "deno-std/assert/mod.js";
// @ts-types="./assert.d.ts"
export {
  assert,
  assertExists,
  AssertionError,
  assertMatch,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "deno-std/assert/mod.js";

/**
 * The comparison of plain values is tried first, then the host's. The library's comparison is four
 * times slower than the host's, and is called only to explain a difference.
 */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (isSamePlain(actual, expected)) return;
  if (isDeepStrictEqual(actual, expected) && isPlain(actual)) return;
  assertEqualsOrExplain(actual, expected, msg);
}

/**
 * Whether a value contains no instance of a class. The host's comparison is not used for instances,
 * because it does not compare what their getters return.
 */
function isPlain(value: unknown, seen: Set<object> = new Set()): boolean {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return true;
  if (seen.has(value)) return true;
  seen.add(value);
  if (Array.isArray(value)) return value.every((each) => isPlain(each, seen));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every((each) => isPlain(each, seen));
}

/** Nesting and length up to which plain values are compared; both values may contain themselves. */
const MAX_DEPTH = 20;
const MAX_LENGTH = 1000;

/**
 * Whether two values are equal and contain only primitive values, arrays and plain objects. False
 * for other equal values: then the slower comparisons decide.
 */
function isSamePlain(one: unknown, other: unknown, depth = 0): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || one === null) return false;
  if (typeof other !== "object" || other === null || depth > MAX_DEPTH) return false;
  const prototype = Object.getPrototypeOf(one);
  if (Object.getPrototypeOf(other) !== prototype) return false;
  if (prototype !== Object.prototype && prototype !== Array.prototype) return false;
  if (Object.getOwnPropertySymbols(one).length + Object.getOwnPropertySymbols(other).length > 0) {
    return false;
  }
  const length = Array.isArray(one) ? one.length : 0;
  if (length > MAX_LENGTH || length !== (Array.isArray(other) ? other.length : 0)) return false;
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every((key) =>
    isEnumerable.call(other, key) &&
    isSamePlain(Reflect.get(one, key), Reflect.get(other, key), depth + 1)
  );
}

/** Whether an object itself has an enumerable property. */
const isEnumerable = Object.prototype.propertyIsEnumerable;

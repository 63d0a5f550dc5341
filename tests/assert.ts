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
 * The host's comparison is used first. The library's comparison is four times slower, and is called
 * only to explain a difference.
 */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
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

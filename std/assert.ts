/**
 * Assertions of the Deno standard library, typed.
 *
 * The npm packaging of the library ships JavaScript only; this façade gives the functions we use
 * their types. Where the original registry is at hand, point `@std/assert` at it in `deno.json`.
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

/** The library compares four times slower than the host: it only says how two values differ. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!isDeepStrictEqual(actual, expected)) assertEqualsOrExplain(actual, expected, msg);
}

/**
 * Assertions of the Deno standard library, typed.
 *
 * The npm packaging of the library ships JavaScript only; this façade gives the functions we use
 * their types. Where the original registry is at hand, point `@std/assert` at it in `deno.json`.
 */
// @ts-types="./assert.d.ts"
export {
  assert,
  assertEquals,
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

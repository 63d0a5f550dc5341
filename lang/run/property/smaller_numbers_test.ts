import { assertEquals } from "@std/assert";
import { smallerNumbers } from "./property_run.ts";

Deno.test("smallerNumbers() has multiples of powers of two and what is left without one, the smallest first", () => {
  assertEquals(smallerNumbers(12, { first: 0, last: 100 }), [0, 4, 8, 10, 11]);
  assertEquals(smallerNumbers(65536, { first: 1, last: 65536 }).slice(0, 3), [1, 32768, 49152]);
  assertEquals(smallerNumbers(8349, { first: 0, last: 9999 }).includes(157), true);
  assertEquals(smallerNumbers(65536, { first: 1, last: 65536 }).includes(61440), true);
  assertEquals(smallerNumbers(1, { first: 0, last: 9 }), [0]);
  assertEquals(smallerNumbers(0, { first: 0, last: 9 }), []);
});

Deno.test("smallerNumbers() stays in the range, and goes to its end that is nearest to zero", () => {
  assertEquals(smallerNumbers(12, { first: 9, last: 100 }), [9, 10, 11]);
  assertEquals(smallerNumbers(9, { first: 9, last: 100 }), []);
  assertEquals(smallerNumbers(-12, { first: -50, last: 50 }), [0, -4, -8, -10, -11]);
  assertEquals(smallerNumbers(-12, { first: -50, last: -9 }), [-9, -10, -11]);
});

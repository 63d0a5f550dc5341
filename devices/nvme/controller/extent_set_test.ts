import { assertEquals } from "@std/assert";
import { ExtentSet } from "./media.ts";

Deno.test("ExtentSet joins ranges that overlap or touch, and keeps others apart", () => {
  const set = new ExtentSet();
  set.add(10, 20);
  set.add(30, 40);
  assertEquals(set.count, 2);
  set.add(20, 25);
  assertEquals(set.count, 2);
  set.add(25, 30);
  assertEquals(set.count, 1);
  assertEquals([9, 10, 39, 40].map((value) => set.has(value)), [false, true, true, false]);
  set.add(0, 100);
  assertEquals(set.count, 1);
  set.add(5, 5);
  assertEquals(set.count, 1);
});

Deno.test("ExtentSet agrees with a plain set over every small sequence", () => {
  const set = new ExtentSet();
  const plain = new Set<number>();
  let seed = 7;
  for (let round = 0; round < 60; round++) {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    const start = seed % 500;
    const end = start + (seed >> 10) % 7;
    set.add(start, end);
    for (let value = start; value < end; value++) plain.add(value);
    for (let value = 0; value < 510; value++) {
      assertEquals(set.has(value), plain.has(value), `round ${round}, value ${value}`);
    }
  }
});

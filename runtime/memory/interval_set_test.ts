import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { IntervalSet } from "./interval_set.ts";

Deno.test("IntervalSet joins what touches and parts what is cut", () => {
  const set = new IntervalSet();
  set.add(10, 20);
  set.add(30, 40);
  set.add(20, 30);
  assertEquals(set.intervals(), [[10, 40]]);
  set.delete(15, 35);
  assertEquals(set.intervals(), [[10, 15], [35, 40]]);
  assertEquals(set.count, 2);
  set.delete(35, 37);
  assertEquals(set.intervals(), [[10, 15], [37, 40]]);
  set.add(0, 2 ** 52);
  assertEquals(set.intervals(), [[0, 2 ** 52]]);
  set.delete(5, 5);
  set.add(7, 7);
  assertEquals(set.intervals().length, 1);
});

Deno.test("IntervalSet holds what a plain set of the same numbers holds", () => {
  const step = fc.record({ add: fc.boolean(), start: fc.nat(60), length: fc.nat(20) });
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const set = new IntervalSet();
    const plain = new Set<number>();
    for (const { add, start, length } of steps) {
      if (add) set.add(start, start + length);
      else set.delete(start, start + length);
      for (let number = start; number < start + length; number++) {
        if (add) plain.add(number);
        else plain.delete(number);
      }
    }
    for (let number = -1; number < 90; number++) assertEquals(set.has(number), plain.has(number));
    for (let start = 0; start < 60; start += 7) {
      const inside = [...plain].filter((number) => start <= number && number < start + 9);
      assertEquals(
        set.firstIn(start, start + 9),
        Math.min(...inside, 99) % 99 - (inside.length ? 0 : 1),
      );
    }
    // The maximal intervals: each contains a number, and no two touch.
    const starts = [...plain].filter((number) => !plain.has(number - 1)).toSorted((a, b) => a - b);
    const endOf = (number: number): number => plain.has(number) ? endOf(number + 1) : number;
    assertEquals(set.intervals(), starts.map((start) => [start, endOf(start)] as const));
  }));
});

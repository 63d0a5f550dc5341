import { assertEquals } from "@std/assert";
import { amountAxis, linearAxis, roundStep } from "./axis.ts";

const ENDS = { from: 100, to: 0 };

Deno.test("a step is the smallest of 1, 2 and 5 times a power of ten that is not below a number", () => {
  assertEquals([0.3, 1, 1.1, 2.5, 6, 700].map(roundStep), [0.5, 1, 2, 5, 10, 1000]);
});

Deno.test("ticks of a linear axis are multiples of its step between its ends, which are included", () => {
  assertEquals(linearAxis(3, 12, 5, ENDS).ticks, [5, 10]);
  assertEquals(linearAxis(0, 0.3, 0.1, ENDS).ticks.length, 4);
  assertEquals(linearAxis(7, 9, 5, ENDS).ticks, []);
});

/** Values, the ticks of their axis, and the position of the highest value. */
const AMOUNTS: readonly (readonly [values: number[], ticks: number[], place: number])[] = [
  [[], [0, 1], 100],
  [[0, 0], [0, 1], 100],
  [[3, 4], [0, 1, 2, 3, 4], 0],
  [[30, 60], [0, 20, 40, 60], 0],
  [[1, 100], [1, 10, 100], 0],
  [[0, 1, 100], [0.1, 1, 10, 100], 0],
];

for (const [values, ticks, place] of AMOUNTS) {
  Deno.test(`the axis of ${JSON.stringify(values)} has the ticks ${ticks.join(", ")}`, () => {
    const axis = amountAxis(values, ENDS);
    assertEquals(axis.ticks, ticks);
    assertEquals(axis.place(Math.max(0, ...values)), place);
    assertEquals(axis.place(0), 100);
  });
}

Deno.test("the lowest bar of a logarithmic axis has a foot", () => {
  assertEquals(amountAxis([1, 100], ENDS, true).ticks, [0.1, 1, 10, 100]);
});

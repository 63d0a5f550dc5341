import { assertEquals } from "@std/assert";
import { PageBitmap } from "./page_bitmap.ts";

const SPANS = [{ start: 4, end: 8 }, { start: 16, end: 40 }, { start: 64, end: 200 }];

Deno.test("what cannot be used is found in each span of RAM, up to its end", () => {
  const bitmap = new PageBitmap(SPANS);
  for (const { start, end } of SPANS) {
    assertEquals(bitmap.firstUnusable(start, end, SPANS), -1);
    assertEquals(bitmap.firstUnusable(start, end + 1, SPANS), end);
    // The first page behind a span is no RAM, and those before it are.
    assertEquals(bitmap.firstUnusable(end, end + 1, SPANS), end);
    assertEquals(bitmap.firstUnusable(end - 1, end, SPANS), -1);
    assertEquals(bitmap.firstUnusable(start - 1, end, SPANS), start - 1);
    bitmap.take(end - 1);
    assertEquals(bitmap.firstUnusable(start, end, SPANS), end - 1);
    bitmap.take(start);
    assertEquals(bitmap.firstUnusable(start, end, SPANS), start);
  }
  assertEquals(bitmap.firstUnusable(200, 201, SPANS), 200);
});

Deno.test("the next free page is looked for span by span, and there may be none", () => {
  const bitmap = new PageBitmap(SPANS);
  assertEquals([0, 5, 8, 41, 199].map((from) => bitmap.nextFree(from, SPANS)), [4, 5, 16, 64, 199]);
  assertEquals(bitmap.nextFree(200, SPANS), -1);
  for (const { start, end } of SPANS) bitmap.takeSpan(start, end);
  assertEquals([bitmap.nextFree(0, SPANS), bitmap.takenPages], [-1, 164]);
  bitmap.give(39);
  assertEquals([bitmap.nextFree(0, SPANS), bitmap.nextFree(40, SPANS)], [39, -1]);
});

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { NO_ROW, RowIndex } from "./row_index.ts";

/** Consecutive numbers, multiples of a page, and numbers around the borders of 32 bits. */
const NUMBER = fc.oneof(
  fc.integer({ min: -2, max: 40 }),
  fc.integer({ min: 0, max: 60 }).map((page) => page * 4096),
  fc.integer({ min: -3, max: 3 }).map((step) => 2 ** 32 + step),
  fc.constantFrom(2 ** 53 - 1, 2 ** 52, NaN),
);

Deno.test("any history of puts and deletes is as a Map has it", () => {
  const step = fc.record({
    what: fc.constantFrom("put", "put", "delete", "clear"),
    number: NUMBER,
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: "max" }), (steps) => {
      const index = new RowIndex();
      const model = new Map<number, number>();
      for (const [row, { number, what }] of steps.entries()) {
        if (what === "put") {
          assertEquals(index.put(number, row), model.get(number) ?? NO_ROW);
          model.set(number, row);
        } else if (what === "delete") {
          index.delete(number);
          model.delete(number);
        } else if (row % 50 === 0) {
          index.clear();
          model.clear();
        }
        assertEquals(index.count, model.size);
        assertEquals(index.get(number), model.get(number) ?? NO_ROW);
        const isIn = [...model.keys()].some((each) => each >= number - 4096 && each < number);
        assert(!isIn || index.mayHaveIn(number - 4096, number));
        if (model.size === 0) assertEquals(index.mayHaveIn(-Infinity, Infinity), false);
      }
      for (const [number, row] of model) assertEquals(index.get(number), row);
      const rows: number[] = [];
      index.forEach((row) => void rows.push(row));
      assertEquals(rows.sort(), [...model.values()].sort());
    }),
    { numRuns: 200, seed: 21 },
  );
});

Deno.test("numbers outside of the span of all numbers are known to be missing", () => {
  const index = new RowIndex();
  for (const number of [4096, 8192]) index.put(number, 0);
  assertEquals(index.mayHaveIn(0, 4096), false);
  assertEquals(index.mayHaveIn(0, 4097), true);
  assertEquals(index.mayHaveIn(8192, 8193), true);
  assertEquals(index.mayHaveIn(8193, 2 ** 40), false);
});

Deno.test("a hundred thousand pages are found, and their room is released with them", () => {
  const index = new RowIndex();
  const first = index.hostBytes;
  const count = 100_000;
  for (let page = 0; page < count; page++) index.put(0xffff_0000 - page * 4096, page);
  for (let page = 0; page < count; page += 7) {
    assertEquals(index.get(0xffff_0000 - page * 4096), page);
  }
  assertEquals(index.get(1), NO_ROW);
  // Twelve bytes a slot, and two to four times as many slots as rows.
  assert(index.hostBytes >= 24 * count && index.hostBytes <= 48 * count, `${index.hostBytes}`);
  for (let page = 0; page < count; page++) index.delete(0xffff_0000 - page * 4096);
  assertEquals([index.count, index.hostBytes], [0, first]);
});

Deno.test("a large index that is cleared releases its room, a small one keeps it", () => {
  const filled = (count: number) => {
    const index = new RowIndex();
    for (let row = 0; row < count; row++) index.put(4096 * row, row);
    return index;
  };
  for (const [count, keeps] of [[100, true], [1000, false]] as const) {
    const index = filled(count);
    const before = index.hostBytes;
    index.clear();
    assertEquals([index.count, index.hostBytes === before], [0, keeps], `${count} rows`);
    assertEquals(index.get(4096), NO_ROW);
  }
});

import { assertEquals } from "@std/assert";
import { FloatRows, WholeRows } from "./columns.ts";

const KINDS = [
  { name: "FloatRows", make: (width: number) => new FloatRows(width), factor: 2 ** 33 + 0.5 },
  { name: "WholeRows", make: (width: number) => new WholeRows(width), factor: 7 },
];

for (const { name, make, factor } of KINDS) {
  Deno.test(`${name} has room for every row that was reached, and twice as much when it grows`, () => {
    for (const width of [1, 3]) {
      const rows = make(width);
      assertEquals(rows.values.length, 256 * width);
      rows.reach(255);
      assertEquals(rows.values.length, 256 * width);
      rows.values[256 * width - 1] = factor;
      rows.reach(256);
      assertEquals([rows.values.length, rows.values[256 * width - 1]], [512 * width, factor]);
      rows.reach(511);
      assertEquals(rows.values.length, 512 * width);
      rows.reach(5_000);
      assertEquals([rows.values.length, rows.values[256 * width - 1]], [5_001 * width, factor]);
    }
  });

  Deno.test(`${name}.copy() has the first rows, and is nobody else's`, () => {
    const rows = make(2);
    rows.reach(299);
    for (let at = 0; at < 600; at++) rows.values[at] = at * factor;
    for (const count of [0, 1, 255, 256, 257, 300]) {
      const copied = rows.copy(count);
      assertEquals(copied.width, 2);
      assertEquals(copied.values.length, count <= 256 ? 512 : 1024);
      const expected = Array.from({ length: 2 * count }, (_, at) => at * factor);
      assertEquals([...copied.values.subarray(0, 2 * count)], expected);
      assertEquals(copied.values.subarray(2 * count).every((value) => value === 0), true);
      copied.values[0] = -1;
      assertEquals(rows.values[0], 0);
    }
  });
}

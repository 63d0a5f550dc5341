import { assertEquals } from "@std/assert";
import { FloatRows, WholeRows } from "./columns.ts";

const KINDS = [
  {
    name: "FloatRows",
    make: (width: number) => new FloatRows(width),
    factor: 2 ** 33 + 0.5,
    bytes: 8,
  },
  { name: "WholeRows", make: (width: number) => new WholeRows(width), factor: 7, bytes: 4 },
];
/** Number of rows of a chunk. */
const CHUNK = 8192;

for (const { bytes, factor, make, name } of KINDS) {
  Deno.test(`${name} has room for every row that was reached: twice as much, then by chunks`, () => {
    for (const width of [1, 3]) {
      const rows = make(width);
      const roomOf = (row: number) => {
        rows.reach(row);
        return rows.hostBytes / (bytes * width);
      };
      assertEquals([0, 31, 32, 63, 64, 5_000].map(roomOf), [32, 32, 64, 64, 128, 5_001]);
      assertEquals([CHUNK - 1, CHUNK].map(roomOf), [CHUNK, 2 * CHUNK]);
    }
  });

  Deno.test(`${name} returns what was set, in every chunk`, () => {
    const rows = make(2);
    for (let row = 0; row < 2 * CHUNK + 10; row++) {
      const chunk = rows.reach(row);
      chunk[rows.offset(row)] = row * factor;
      rows.set(row, 1, -row);
    }
    for (let row = 0; row < 2 * CHUNK + 10; row++) {
      assertEquals([rows.get(row, 0), rows.get(row, 1)], [row * factor, 0 - row]);
    }
  });

  Deno.test(`${name}.together() leaves the end of a chunk where not all fits`, () => {
    const rows = make(1);
    assertEquals(rows.together(0, 10), 0);
    assertEquals(rows.together(CHUNK - 10, 10), CHUNK - 10);
    assertEquals(rows.together(CHUNK - 10, 11), CHUNK);
    assertEquals(rows.together(2 * CHUNK - 1, 2), 2 * CHUNK);
  });
}

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { DmaAddr, PhysAddr } from "../address.ts";
import { DMA, INT, PHYS, SIZE, TEXT } from "../vocabulary/fields.ts";
import { HistoryTable } from "./history_table.ts";
import type { HistoryTableSpec } from "./history_table_spec.ts";
import { ValuePool } from "./value_pool.ts";

const RANGE_FIELDS = { device: TEXT, iova: DMA, phys: PHYS, size_bytes: SIZE };
const RANGES: HistoryTableSpec<typeof RANGE_FIELDS> = {
  name: "ranges",
  doc: "Something is there.",
  fields: RANGE_FIELDS,
  key: ["device", "iova"],
  size: "size_bytes",
  moving: ["iova", "phys"],
  changes: {},
};

const BAG_FIELDS = { at: INT, size_bytes: SIZE };
const BAG: HistoryTableSpec<typeof BAG_FIELDS> = {
  name: "bag",
  doc: "Something is there, perhaps several times.",
  fields: BAG_FIELDS,
  key: ["at"],
  isBag: true,
  changes: {},
};

function range(iova: number, sizeBytes: number, phys = 0x10_0000 + iova, device = "ssd") {
  return { device, iova: iova as DmaAddr, phys: phys as PhysAddr, size_bytes: sizeBytes };
}

function rowsAt(table: HistoryTable<typeof RANGE_FIELDS>, seq: number): string[] {
  return table.rowsAt(seq).map((row) => table.row(row))
    .map(({ createdSeq, iova, phys, size_bytes }) =>
      `${iova}+${size_bytes}=>${phys} #${createdSeq}`
    )
    .sort();
}

Deno.test("rows with a size cover bytes from the last field of their key on, or from the one that is named", () => {
  const field = (spec: Partial<typeof RANGES>) =>
    new HistoryTable({ ...RANGES, ...spec }, new ValuePool()).addressField;
  assertEquals([field({}), field({ address: "phys" })], ["iova", "phys"]);
  assertEquals([field({ key: ["phys"] }), field({ key: ["device"] })], ["phys", null]);
  assertEquals(new HistoryTable(BAG, new ValuePool()).addressField, null);
});

Deno.test("a range that begins in a row which grew, or beside one without a size, ends it", () => {
  const table = new HistoryTable(RANGES, new ValuePool());
  table.begin(1, range(0x1000, 0x1000));
  table.begin(2, range(0x10_0000, NaN));
  table.resize(3, ["ssd", 0x1000], 0x8000);
  table.endRange(4, ["ssd"], 0x8000, 0x9000);
  assertEquals(rowsAt(table, 4).filter((row) => !row.includes("null")), [
    "4096+28672=>1052672 #1",
  ]);
});

Deno.test("a row holds from the event that began it to the one before that which ended it", () => {
  const table = new HistoryTable(RANGES, new ValuePool());
  table.begin(0, range(0x1000, 0x1000));
  table.begin(3, range(0x4000, 0x2000));
  table.endRange(5, ["ssd"], 0x4000, 0x6000);
  assertEquals(rowsAt(table, 2), ["4096+4096=>1052672 #0"]);
  assertEquals(rowsAt(table, 4), ["16384+8192=>1064960 #3", "4096+4096=>1052672 #0"]);
  assertEquals(rowsAt(table, 5), ["4096+4096=>1052672 #0"]);
  assertEquals(table.live, 1);
  assertEquals(table.row(1), { ...range(0x4000, 0x2000), createdSeq: 3, endedSeq: 5 });
});

Deno.test("what is left of a row that is cut holds on, written by the event as before", () => {
  const table = new HistoryTable(RANGES, new ValuePool());
  table.begin(1, range(0x1000, 0x4000, 0x9000));
  table.endRange(2, ["ssd"], 0x2000, 0x3000);
  assertEquals(rowsAt(table, 1), ["4096+16384=>36864 #1"]);
  assertEquals(rowsAt(table, 2), ["12288+8192=>45056 #1", "4096+4096=>36864 #1"]);
  assertEquals(table.since(1), 2);
  table.endRange(3, ["ssd"], 0, 0x8000);
  assertEquals(rowsAt(table, 3), []);
});

Deno.test("an end touches no other device and nothing that is not there", () => {
  const table = new HistoryTable(RANGES, new ValuePool());
  table.begin(1, range(0x1000, 0x1000));
  table.begin(1, range(0x1000, 0x1000, 0x5000, "nic"));
  table.endRange(2, ["gpu"], 0, 0x10000);
  table.endRange(3, ["nic"], 0x1000, 0x2000);
  assertEquals(rowsAt(table, 3), ["4096+4096=>1052672 #1"]);
  assertEquals(table.end(4, ["ssd", 0x3000]), false);
});

Deno.test("a row with the key of another takes its place", () => {
  const table = new HistoryTable({ ...BAG, isBag: false }, new ValuePool());
  table.begin(1, { at: 7, size_bytes: 1 });
  table.begin(4, { at: 7, size_bytes: 2 });
  assertEquals(table.rowsAt(3).map((row) => table.value(row, "size_bytes")), [1]);
  assertEquals(table.rowsAt(4).map((row) => table.value(row, "size_bytes")), [2]);
  assertEquals(table.row(0).endedSeq, 4);
});

Deno.test("of several rows with one key the one that fits best ends, the newest of equals", () => {
  const table = new HistoryTable(BAG, new ValuePool());
  for (const [seq, sizeBytes] of [[1, 10], [2, 20], [3, 10]] as const) {
    table.begin(seq, { at: 7, size_bytes: sizeBytes });
  }
  const sizes = (seq: number) => table.rowsAt(seq).map((row) => table.row(row).createdSeq);
  table.end(4, [7], (row) => row.size_bytes === 20 ? 1 : 0);
  assertEquals(sizes(4), [1, 3]);
  table.end(5, [7]);
  assertEquals(sizes(5), [1]);
  table.end(6, [7]);
  assertEquals(sizes(6), []);
});

Deno.test("covering() finds every row that ever held an address, the oldest first", () => {
  const table = new HistoryTable(RANGES, new ValuePool());
  table.begin(1, range(0x1000, 0x2000));
  table.endRange(2, ["ssd"], 0x1000, 0x3000);
  table.begin(3, range(0x2000, 0x1000, 0x7000));
  const createdSeq = (address: number, upTo: number) =>
    table.covering("iova", address, upTo).map((row) => table.row(row).createdSeq);
  assertEquals(createdSeq(0x2fff, 9), [1, 3]);
  assertEquals(createdSeq(0x1fff, 9), [1]);
  assertEquals(createdSeq(0x2000, 2), [1]);
  assertEquals(createdSeq(0x3000, 9), []);
});

Deno.test("changedBetween() tells what began and what ended, in either direction", () => {
  const table = new HistoryTable(RANGES, new ValuePool());
  table.begin(1, range(0x1000, 0x1000));
  table.begin(2, range(0x2000, 0x1000));
  table.endRange(3, ["ssd"], 0x1000, 0x2000);
  const changed = (after: number, upTo: number) =>
    table.changedBetween(after, upTo).map((row) => table.row(row).createdSeq).sort();
  assertEquals(changed(1, 2), [2]);
  assertEquals(changed(1, 3), [1, 2]);
  assertEquals(changed(3, 1), [1, 2]);
  assertEquals(changed(2, 2), []);
});

/** The plainest model of ranges: page by page. */
type Model = ReadonlyMap<number, string>;

Deno.test("any moment of any history of ranges is as a map of pages has it", () => {
  const page = fc.integer({ min: 0, max: 40 });
  const pages = fc.integer({ min: 1, max: 9 });
  const step = fc.record({ maps: fc.boolean(), page, pages, more: fc.integer({ min: 0, max: 2 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1500, size: "max" }), (steps) => {
      const table = new HistoryTable(RANGES, new ValuePool());
      let now = new Map<number, string>();
      const moments: Model[] = [now];
      let seq = 0;
      for (const { maps, more, page, pages } of steps) {
        seq += more;
        while (moments.length <= seq) moments.push(now);
        const wanted = Array.from({ length: pages }, (_, index) => page + index);
        if (maps && wanted.some((each) => now.has(each))) continue;
        now = new Map(now);
        if (maps) table.begin(seq, range(page, pages, 1000 + 50 * page));
        else table.endRange(seq, ["ssd"], page, page + pages);
        for (const [index, each] of wanted.entries()) {
          if (maps) now.set(each, `${1000 + 50 * page + index} #${seq}`);
          else now.delete(each);
        }
        moments[seq] = now;
      }
      for (let at = 0; at <= seq; at += 1 + Math.floor(seq / 40)) {
        const found = new Map<number, string>();
        for (const row of table.rowsAt(at)) {
          const { createdSeq, iova, phys, size_bytes } = table.row(row);
          for (let index = 0; index < size_bytes; index++) {
            found.set(iova + index, `${phys + index} #${createdSeq}`);
          }
        }
        assertEquals([...found].sort(), [...moments[at]!].sort());
      }
    }),
    { numRuns: 20, seed: 20 },
  );
});

Deno.test("a field that a table has not got is no field to ask for", () => {
  const table = new HistoryTable(BAG, new ValuePool());
  table.begin(1, { at: 1, size_bytes: 1 });
  assertThrows(() => table.value(0, "iova" as "at"), RangeError, 'no field "iova"');
});

Deno.test("a table takes eight bytes a field, four of each number of a life, and its lists", () => {
  const table = new HistoryTable(RANGES, new ValuePool());
  table.begin(1, range(0, 0x1000));
  const first = table.hostBytes;
  // The bytes of the columns for 32 rows. 8 bytes each: device, address, memory and size. 4 bytes
  // each: since, created, ended, and the row below.
  assertEquals(first, 32 * (4 * 8 + 4 * 4));
  for (let at = 1; at < 32; at++) table.begin(1, range(0x1000 * at, 0x1000));
  assertEquals(table.hostBytes, first);
  table.begin(1, range(0x1000 * 32, 0x1000));
  assertEquals(table.hostBytes, 2 * first);
});

Deno.test("a table that was cleared is as a new one", () => {
  const used = new HistoryTable(RANGES, new ValuePool());
  const states = [0, 1].map(() => {
    used.clear();
    used.begin(1, range(0, 0x1000));
    used.begin(2, range(0x1000, 0x1000));
    used.endRange(3, ["ssd"], 0, 0x800);
    const rows = Array.from({ length: used.count }, (_, row) => [used.row(row), used.since(row)]);
    return { rows, live: used.live, held: used.liveRows(), before: used.rowsAt(1) };
  });
  assertEquals(states[1], states[0]);
  used.clear();
  assertEquals([used.count, used.live, used.liveRows()], [0, 0, []]);
});

Deno.test("what has ended with its owner ends once, and what begins anew is another row", () => {
  const table = new HistoryTable(RANGES, new ValuePool());
  table.begin(1, range(0x1000, 0x1000));
  table.begin(1, range(0x3000, 0x1000));
  table.begin(1, range(0x1000, 0x1000, 0x5000, "nic"));
  table.endAll(2, ["ssd"]);
  assertEquals([table.live, rowsAt(table, 2)], [1, ["4096+4096=>20480 #1"]]);
  table.endAll(3, ["ssd"]);
  assertEquals([table.live, table.row(0).endedSeq, table.row(1).endedSeq], [1, 2, 2]);
  table.begin(4, range(0x1000, 0x1000, 0x9000));
  assertEquals([table.live, rowsAt(table, 4)], [2, ["4096+4096=>20480 #1", "4096+4096=>36864 #4"]]);
});

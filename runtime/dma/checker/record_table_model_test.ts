/** Compares the table of mappings with a list that is searched completely. */
import { assertEquals } from "@std/assert";
import { Random } from "../../random.ts";
import type { DmaDirection } from "../attributes.ts";
import { MADE, type MadeBy, MARK, NONE, RecordTable } from "./record_table.ts";

interface Row {
  readonly record: number;
  readonly device: number;
  readonly made: MadeBy;
  readonly dma: number;
  readonly phys: number;
  readonly dir: DmaDirection;
  readonly attrs: number;
  readonly entries: number;
  readonly serial: number;
  readonly site: number | null;
  sizeBytes: number;
  leaked: boolean;
}

const MADES: readonly MadeBy[] = [MADE.PHYS, MADE.LIST, MADE.LINK, MADE.RANGE];
/** Sizes below, at and above those at which the width of a block changes. */
const SIZES = [0, 6, 7, 12, 13, 20, 30, 31, 32, 33, 40].flatMap((bits) =>
  [2 ** bits - 1, 2 ** bits, 2 ** bits + 1].filter((size) => size > 0)
);
const STARTS = [0, 0x40, 0x1000, 0x1f40, 2 ** 31, 2 ** 32 - 64, 2 ** 33, 2 ** 40 - 1, 2 ** 52];

class Both {
  readonly table = new RecordTable(() => 0);
  rows: Row[] = [];

  constructor(readonly random: Random) {}

  pick<T>(from: readonly T[]): T {
    return from[this.random.below(from.length)]!;
  }

  add(): void {
    const { random, table } = this;
    const row = {
      device: random.below(3),
      made: this.pick(MADES),
      dma: this.pick(STARTS) + random.below(3) * 64,
      phys: random.below(2 ** 30),
      dir: random.below(3) as DmaDirection,
      attrs: random.below(2 ** 14),
      sizeBytes: this.pick(SIZES),
      site: random.below(4) === 0 ? null : random.below(50),
      entries: random.below(2),
      leaked: false,
    };
    const record = table.add(row.device, row.made, row.dma, row.sizeBytes, row.site);
    table.describe(record, row.phys, row.dir, row.attrs);
    table.entries[record] = row.entries;
    this.rows.push({ ...row, record, serial: table.lastSerial });
  }

  remove(): void {
    const at = this.random.below(this.rows.length);
    const [row] = this.rows.splice(at, 1);
    this.table.remove(row!.record);
    assertEquals(this.table.isLive(row!.record), false);
  }

  split(): void {
    const { table } = this;
    const row = this.pick(this.rows);
    if (row.sizeBytes < 2 || row.made === MADE.RANGE) return;
    const doneBytes = 1 + this.random.below(Math.min(row.sizeBytes - 1, 2 ** 30));
    const record = table.split(row.record, row.dma + doneBytes);
    this.rows.push({
      ...row,
      record,
      dma: row.dma + doneBytes,
      phys: row.phys + doneBytes,
      sizeBytes: row.sizeBytes - doneBytes,
      entries: 0,
      serial: table.lastSerial,
      leaked: false,
    });
    row.sizeBytes = doneBytes;
  }

  assertRow(row: Row): void {
    const { table } = this;
    const { record } = row;
    assertEquals({
      device: table.device[record],
      made: table.madeBy(record),
      dma: table.dma[record],
      phys: table.phys[record],
      dir: table.dir(record),
      attrs: table.attrs(record),
      sizeBytes: table.sizeBytes[record],
      site: table.site(record),
      entries: table.entries[record],
      leaked: table.has(record, MARK.LEAKED),
      record,
      serial: table.serial[record],
    }, row);
    assertEquals([table.end(record), table.isLive(record)], [row.dma + row.sizeBytes, true]);
  }

  assertFound(device: number, dma: number): void {
    const { table } = this;
    const here = this.rows.filter((row) => row.device === device && row.made !== MADE.RANGE);
    const visited = (each: typeof table.eachAt) => {
      const records: number[] = [];
      each.call(table, device, dma, (record) => records.push(record) < 0);
      return records.toSorted((a, b) => a - b);
    };
    const numbers = (rows: readonly Row[]) =>
      rows.map(({ record }) => record).toSorted((a, b) => a - b);
    const around = here.filter((row) => row.dma <= dma && dma < row.dma + row.sizeBytes);
    assertEquals(visited(table.eachAt), numbers(here.filter((row) => row.dma === dma)));
    assertEquals(visited(table.eachAround), numbers(around));
    for (const made of MADES) {
      const found = table.findAround(device, dma, 1 << made);
      const allowed = around.filter((row) => row.made === made && !row.leaked);
      assertEquals(allowed.length > 0, found !== NONE);
      if (found !== NONE) assertEquals(numbers(allowed).includes(found), true);
    }
  }

  assertPerfect(row: Row, excusedSerial: number): void {
    const { dir, dma, entries, sizeBytes } = row;
    const same = this.rows.filter((each) =>
      each.device === row.device && each.made === row.made && each.dir === dir &&
      each.dma === dma && each.entries === entries && each.sizeBytes === sizeBytes
    ).toSorted((a, b) => b.serial - a.serial);
    const found = this.table.findPerfect(
      row.device,
      { dir, dma, entries, sizeBytes },
      1 << row.made,
      excusedSerial,
    );
    if (row.made === MADE.RANGE) return assertEquals(found, NONE);
    const wanted = same.find(({ serial }) => serial > excusedSerial) ?? same[0]!;
    // A split record stays in a block of its original width, so the table may miss it.
    if (found !== NONE) assertEquals(found, wanted.record);
  }
}

Deno.test("records are found by device, address, size and call, whatever their size (dma.md 8.1)", () => {
  const both = new Both(new Random(81));
  for (let step = 0; step < 1_200; step++) {
    const kind = both.random.below(20);
    if (both.rows.length === 0 || kind < (step < 900 ? 13 : 5)) both.add();
    else if (kind < 17) both.remove();
    else if (kind < 18) both.split();
    else {
      const row = both.pick(both.rows);
      both.table.mark(row.record, MARK.LEAKED);
      row.leaked = true;
    }
    if (both.rows.length === 0) continue;
    const row = both.pick(both.rows);
    both.assertRow(row);
    both.assertPerfect(row, both.random.below(2) * both.random.below(both.table.lastSerial));
    const offsets = [-1, 0, 1, row.sizeBytes - 1, row.sizeBytes];
    both.assertFound(row.device, Math.max(0, row.dma + both.pick(offsets)));
  }
  const live: number[] = [];
  both.table.each((record) => live.push(record));
  assertEquals(live.length, both.rows.length);
  assertEquals(both.table.count, both.rows.length);
});

Deno.test("the table says what it takes of the host: 46 bytes a row, and four for each bucket", () => {
  const table = new RecordTable(() => 0);
  assertEquals([table.capacity, table.heldBytes], [256, 256 * 50]);
  for (let index = 0; index < 300; index++) table.add(0, MADE.PHYS, index * 4096, 4096, null);
  assertEquals(table.capacity >= 300, true);
  assertEquals(table.heldBytes >= table.capacity * 46 + 4 * 256, true);
});

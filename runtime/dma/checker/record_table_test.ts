import { assert, assertEquals } from "@std/assert";
import { DMA_TO_DEVICE } from "../attributes.ts";
import { MADE, NONE, RecordTable } from "./record_table.ts";

const PHYS = 1 << MADE.PHYS;

const add = (table: RecordTable, dma: number, sizeBytes: number, device = 0, site = 0) => {
  const record = table.add(device, MADE.PHYS, dma, sizeBytes, site);
  table.describe(record, dma + 5, DMA_TO_DEVICE, 0x20);
  return record;
};

const perfect = (table: RecordTable, dma: number, sizeBytes: number, excusedSerial = 0) =>
  table.findPerfect(0, { dma, sizeBytes, dir: DMA_TO_DEVICE, entries: 0 }, PHYS, excusedSerial);

Deno.test("findPerfect() takes the newest of equals, and an excused one only when there is no other", () => {
  const table = new RecordTable(() => 0);
  const old = add(table, 0x1000, 64);
  const excusedUpTo = table.lastSerial;
  const mid = add(table, 0x1000, 64);
  const young = add(table, 0x1000, 64);
  assertEquals(perfect(table, 0x1000, 64), young);
  table.remove(young);
  assertEquals(perfect(table, 0x1000, 64, excusedUpTo), mid);
  table.remove(mid);
  assertEquals(perfect(table, 0x1000, 64, excusedUpTo), old);
  assertEquals(perfect(table, 0x1000, 65), NONE);
  const ended = { dma: 0x1000, sizeBytes: 64, dir: DMA_TO_DEVICE, entries: 0 } as const;
  assertEquals(table.findPerfect(1, ended, PHYS, 0), NONE);
  assertEquals(table.findPerfect(0, ended, 1 << MADE.LIST, 0), NONE);
  assertEquals(table.findPerfect(0, { ...ended, dir: 2 }, PHYS, 0), NONE);
  assertEquals(table.findPerfect(0, { ...ended, entries: 1 }, PHYS, 0), NONE);
});

Deno.test("a record may grow in its place up to the span it was made for", () => {
  const table = new RecordTable(() => 0);
  const record = table.add(0, MADE.LINK, 0x8000, 0x1000, null, 0x5000);
  assert(table.mayGrowTo(record, 0x8000));
  assert(!table.mayGrowTo(record, 0x8001));
  table.sizeBytes[record] = 0x8000;
  assertEquals(table.findAround(0, 0xffff, 1 << MADE.LINK), record);
});

Deno.test("rows are used again, and the table grows only when all are taken", () => {
  const table = new RecordTable(() => 0);
  const { capacity } = table;
  for (let round = 0; round < 10 * capacity; round++) table.remove(add(table, round * 4096, 4096));
  assertEquals(table.capacity, capacity);
  for (let index = 0; index <= capacity; index++) add(table, index * 4096, 4096);
  assertEquals(table.capacity, 2 * capacity);
  for (let index = 0; index <= capacity; index++) {
    assert(perfect(table, index * 4096, 4096) !== NONE);
  }
  assert(table.heldBytes / table.capacity <= 64, "a record takes more than 64 bytes");
});

Deno.test("reclaim() is asked before the table grows, and believed when it frees enough", () => {
  const live: number[] = [];
  let asked = 0;
  const table = new RecordTable(() => {
    asked++;
    const count = live.length;
    for (const record of live.splice(0)) table.remove(record);
    return count;
  });
  const { capacity } = table;
  for (let index = 0; index < 3 * capacity; index++) live.push(add(table, index, 64));
  assertEquals([asked, table.capacity], [2, capacity]);
});

Deno.test("records of every width come and go any number of times, and those that stay are found", () => {
  const table = new RecordTable(() => 0);
  const stays = add(table, 2 ** 40, 2 ** 20);
  for (let times = 0; times < 100; times++) {
    const [one, other] = [add(table, 2 ** 41, 2 ** (7 + times % 30)), add(table, 0, 1)];
    table.remove(times % 2 === 0 ? one : other);
    table.remove(times % 2 === 0 ? other : one);
    assertEquals(table.findAround(0, 2 ** 40 + 5, PHYS), stays);
    const seen: number[] = [];
    for (const dma of [2 ** 41, 0]) table.eachAround(0, dma, (record) => seen.push(record) === 0);
    assertEquals([seen, table.count], [[], 1]);
  }
});

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { HostBudget, MemoryLimitError } from "@dmalab/runtime";
import { PatternStore } from "./media.ts";

const TAG = 0x5a00_0000;
const store = (capacityBytes = 2 ** 40, budget = new HostBudget()) =>
  new PatternStore(TAG, capacityBytes, budget);

/** What a fresh disk holds, computed the slow way (language.md: "A fresh disk holds …"). */
function fresh(offset: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let index = 0; index < size; index++) {
    const at = offset + index;
    const lane = at % 8;
    bytes[index] = lane === 7 ? 0x5a : Math.floor((at - lane) / 2 ** (8 * lane)) % 256;
  }
  return bytes;
}

Deno.test("a fresh store holds 0x5A00_0000_0000_0000 + x in the 8 bytes at byte x", () => {
  for (const offset of [0, 8, 4096, 2 ** 32 - 4096, 2 ** 32, 2 ** 40 - 12288, 123456 * 512]) {
    assertEquals(store().bytes(offset, 12288), fresh(offset, 12288), `at ${offset}`);
  }
});

Deno.test("fresh content is exact at any alignment and length", () => {
  for (const [offset, size] of [[1, 1], [5, 3], [7, 2], [4095, 2], [2 ** 33 - 3, 9], [4, 4092]]) {
    assertEquals(store().bytes(offset!, size!), fresh(offset!, size!), `${offset}+${size}`);
  }
});

Deno.test("a store holds the bytes that it returns, written, zeroed or fresh, and no others", () => {
  const disk = store();
  disk.write(5000, new Uint8Array(6000).fill(7), 0, 6000);
  disk.zero(20_000, 9000);
  for (const [offset, size] of [[0, 40_000], [3, 9], [4999, 4099], [19_999, 2], [28_672, 4096]]) {
    const bytes = disk.bytes(offset!, size!);
    assert(disk.holds(offset!, bytes, size!), `${offset}+${size}`);
    for (const at of [0, size! >> 1, size! - 1]) {
      const other = bytes.with(at, bytes[at]! ^ 1);
      assertEquals(disk.holds(offset!, other, size!), false, `${offset}+${size}, byte ${at}`);
      assert(disk.holds(offset!, other, at));
    }
  }
});

Deno.test("fresh content is exact up to 2^52", () => {
  const offset = 2 ** 52 - 4096;
  assertEquals(store(2 ** 52).bytes(offset, 4096), fresh(offset, 4096));
});

Deno.test("what was written is read back, and its neighbours stay fresh", () => {
  const budget = new HostBudget();
  const disk = store(2 ** 40, budget);
  const data = Uint8Array.from({ length: 6000 }, (_, index) => index % 251);
  disk.write(5000, data, 0, 6000);
  assertEquals(disk.bytes(5000, 6000), data);
  assertEquals(disk.bytes(4000, 1000), fresh(4000, 1000));
  assertEquals(disk.bytes(11000, 1000), fresh(11000, 1000));
  assertEquals(disk.bytes(16376, 4104), fresh(16376, 4104));
  assertEquals(budget.heldBytes, 2 * 4096);
});

Deno.test("a read across written, zeroed and fresh parts keeps each in its place", () => {
  const disk = store();
  disk.write(4096, new Uint8Array(512).fill(0xee), 0, 512);
  disk.zero(8192, 4096);
  const expected = fresh(0, 16384);
  expected.fill(0xee, 4096, 4608);
  expected.fill(0, 8192, 12288);
  assertEquals(disk.bytes(0, 16384), expected);
  assertEquals(disk.bytes(3, 16000), expected.slice(3, 16003));
});

Deno.test("zero() of a tebibyte takes next to no memory and frees what was written there", () => {
  const budget = new HostBudget();
  const disk = store(2 ** 40, budget);
  disk.write(2 ** 39, new Uint8Array(4096).fill(1), 0, 4096);
  disk.zero(0, 2 ** 40);
  assert(budget.heldBytes < 100, `${budget.heldBytes}`);
  assertEquals(disk.bytes(2 ** 39 - 100, 5000), new Uint8Array(5000));
});

Deno.test("zero() of more chunks than were written keeps what was written behind them", () => {
  const disk = store();
  disk.write(8192, new Uint8Array(4096).fill(7), 0, 4096);
  disk.zero(0, 8192);
  assertEquals(disk.bytes(8192, 4096), new Uint8Array(4096).fill(7));
});

Deno.test("zero() inside one chunk and across two changes nothing else", () => {
  for (const [start, end] of [[100, 200], [100, 5000], [0, 4096], [0, 100], [4000, 13000]]) {
    const disk = store();
    disk.zero(start!, end! - start!);
    const expected = fresh(0, 16384);
    expected.fill(0, start, end);
    assertEquals(disk.bytes(0, 16384), expected, `${start}..${end}`);
  }
});

Deno.test("a part written over a zeroed range keeps zeros around it", () => {
  const disk = store();
  disk.zero(0, 65536);
  disk.write(512, new Uint8Array(512).fill(7), 0, 512);
  const expected = new Uint8Array(65536);
  expected.fill(7, 512, 1024);
  assertEquals(disk.bytes(0, 65536), expected);
  disk.zero(512, 512);
  assertEquals(disk.bytes(0, 65536), new Uint8Array(65536));
});

Deno.test("written data counts against the budget, with what is in use elsewhere", () => {
  const budget = new HostBudget(16384);
  budget.hold(8192);
  const disk = new PatternStore(TAG, 2 ** 40, budget);
  disk.write(0, new Uint8Array(8192), 0, 8192);
  assertThrows(() => disk.write(8192, new Uint8Array(512), 0, 512), MemoryLimitError);
  disk.write(0, new Uint8Array(512), 0, 512);
  assertEquals(budget.usedBytes, 16384);
  // Chunks that are zeroed as a whole are freed, but for the record of it.
  disk.zero(0, 8192);
  disk.zero(4096, 8192);
  assertEquals(budget.usedBytes, 8192 + 32);
});

Deno.test("any sequence of writes and zeroing leaves what a plain array would hold", () => {
  const size = 65536;
  const step = fc.record({
    zero: fc.boolean(),
    at: fc.nat(size - 1),
    length: fc.integer({ min: 1, max: 20000 }),
    byte: fc.nat(255),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.nat(size - 1), (steps, from) => {
      const disk = store();
      const plain = fresh(0, size);
      for (const { zero, at, length, byte } of steps) {
        const end = Math.min(at + length, size);
        if (zero) disk.zero(at, end - at);
        else disk.write(at, new Uint8Array(end - at).fill(byte), 0, end - at);
        plain.fill(zero ? 0 : byte, at, end);
      }
      assertEquals(disk.bytes(from, size - from), plain.slice(from));
    }),
    { numRuns: 200, seed: 1 },
  );
});

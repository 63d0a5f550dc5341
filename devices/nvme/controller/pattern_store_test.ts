import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { HostBudget, MemoryLimitError } from "@dmalab/runtime";
import { PatternStore } from "./media.ts";
import { fresh } from "./_rig.ts";

const TAG = 0x5a00_0000;
const store = (capacityBytes = 2 ** 40, budget = new HostBudget()) =>
  new PatternStore(TAG, capacityBytes, budget);

/** Offsets and sizes of reads from a fresh disk (language.md: "A fresh disk holds …"). */
const FRESH: readonly (readonly number[])[] = [
  ...[0, 8, 4096, 2 ** 32 - 4096, 2 ** 32, 2 ** 40 - 12288, 123456 * 512].map((at) => [at, 12288]),
  ...[[1, 1], [5, 3], [7, 2], [4095, 2], [2 ** 33 - 3, 9], [4, 4092], [2 ** 52 - 4096, 4096]],
];

Deno.test("a fresh store holds 0x5A00_0000_0000_0000 + x in the 8 bytes at byte x, read at any alignment and length", () => {
  for (const [offset, size] of FRESH) {
    assertEquals(store(2 ** 52).bytes(offset!, size!), fresh(offset!, size!), `${offset}+${size}`);
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

Deno.test("written data counts against the budget, with what is in use elsewhere", () => {
  const budget = new HostBudget(16384);
  budget.hold(8192);
  const disk = new PatternStore(TAG, 2 ** 40, budget);
  disk.write(0, new Uint8Array(8192), 0, 8192);
  assertThrows(() => disk.write(8192, new Uint8Array(512), 0, 512), MemoryLimitError);
  disk.write(0, new Uint8Array(512), 0, 512);
  assertEquals(budget.usedBytes, 16384);
  // Chunks that are zeroed as a whole are freed; only the record of the zeroing remains.
  disk.zero(0, 8192);
  disk.zero(4096, 8192);
  assertEquals(budget.usedBytes, 8192 + 32);
});

Deno.test("any sequence of writes and zeroing leaves what a plain array would hold", () => {
  const size = 65536;
  const counting = Uint8Array.from({ length: size }, (_, index) => index);
  const untouched = fresh(0, size);
  const step = fc.record({
    zero: fc.boolean(),
    at: fc.nat(size - 1),
    length: fc.integer({ min: 1, max: 20000 }),
    byte: fc.nat(255),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.nat(size - 1), (steps, from) => {
      const disk = store();
      const plain = untouched.slice();
      for (const { zero, at, length, byte } of steps) {
        const end = Math.min(at + length, size);
        if (zero) {
          disk.zero(at, end - at);
          plain.fill(0, at, end);
        } else {
          disk.write(at, counting, byte, end - at);
          plain.set(counting.subarray(byte, byte + end - at), at);
        }
      }
      assertEquals(disk.bytes(from, size - from), plain.slice(from));
    }),
    { numRuns: 200, seed: 1 },
  );
});

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PackedReader, PackedWriter } from "./packed_numbers.ts";

/**
 * Numbers around each power of two, where another byte is needed or a number is no longer exact. 0
 * and -0 are among them.
 */
const EDGES = Array.from({ length: 56 }, (_, bits) => [2 ** bits - 1, 2 ** bits, 2 ** bits + 1])
  .flat().flatMap((value) => [value, -value]);

const ANY_NUMBER = fc.oneof(
  fc.constantFrom(...EDGES),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(NaN, Infinity, -Infinity),
);

Deno.test("what is written is read: counts, numbers by their distance, bytes, JSON", () => {
  const pairs = EDGES.flatMap((value) => [[value, 0], [0, value], [value, value]]);
  fc.assert(
    fc.property(fc.array(fc.tuple(ANY_NUMBER, ANY_NUMBER)), fc.uint8Array(), (more, bytes) => {
      const all = [...pairs, ...more];
      const writer = new PackedWriter();
      for (const [value, from] of all) writer.number(value!, from!);
      for (const value of EDGES) if (value >= 0) writer.count(value);
      writer.bytes(bytes);
      writer.json({ bytes: [...bytes] });
      const reader = new PackedReader(writer.finish());
      for (const [value, from] of all) assertEquals(reader.number(from!), value);
      for (const value of EDGES) if (value >= 0) assertEquals(reader.count(), value + 0);
      assertEquals(reader.bytes(), bytes);
      assertEquals(reader.json(), { bytes: [...bytes] });
      assertThrows(() => reader.count(), RangeError, "cut off");
    }),
    { numRuns: 20 },
  );
});

Deno.test("a near number takes a byte, a far one up to eight, any other nine", () => {
  const sizeOf = (value: number, from: number) => {
    const writer = new PackedWriter();
    writer.number(value, from);
    return writer.finish().length;
  };
  assertEquals([sizeOf(63, 0), sizeOf(64, 0)], [1, 2]);
  assertEquals([sizeOf(-63, 0), sizeOf(-64, 0)], [1, 2]);
  assertEquals([sizeOf(2 ** 50 - 1, 0), sizeOf(2 ** 50, 0)], [8, 9]);
  assertEquals([sizeOf(5, 0.5), sizeOf(0.5, 5), sizeOf(-0, 0)], [9, 9, 9]);
});

Deno.test("there is room for what is written wherever it begins", () => {
  const written: readonly (readonly [number, (writer: PackedWriter) => void])[] = [
    [8, (writer) => writer.count(Number.MAX_SAFE_INTEGER)],
    [9, (writer) => writer.number(0.5, 0)],
    [5002, (writer) => writer.bytes(new Uint8Array(5000))],
  ];
  for (const [size, write] of written) {
    // The initial buffer has 4 KiB.
    for (let before = 4000; before < 4096; before++) {
      const writer = new PackedWriter();
      writer.bytes(new Uint8Array(before - 2));
      write(writer);
      assertEquals(writer.finish().length, before + size);
    }
  }
});

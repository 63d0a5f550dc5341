import { assert, assertEquals } from "@std/assert";
import { Random } from "./random.ts";
import { zeros } from "./zeros.ts";

const KINDS = [Float64Array, Int32Array, Uint32Array, Uint16Array, Uint8Array];

Deno.test("zeros() gives arrays of 0 that share no byte, short and long ones, of every kind", () => {
  const random = new Random(1);
  const arrays = Array.from({ length: 1000 }, (_, number) => {
    const length = random.below(random.below(8) === 0 ? 20_000 : 300);
    const array = zeros<Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array>(
      KINDS[number % KINDS.length]!,
      length,
    );
    assertEquals(array.length, length);
    assert(array.every((value) => value === 0));
    return array.fill(1 + number % 250);
  });
  for (const [number, array] of arrays.entries()) {
    assert(array.every((value) => value === 1 + number % 250));
  }
});

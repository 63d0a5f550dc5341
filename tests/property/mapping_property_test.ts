import { assert, assertEquals, assertThrows } from "@std/assert";
import { Disagreement, MappingWorld, PlainRanges, runSeed } from "./mapping_world.ts";

Deno.test("random mixes of operations agree with a plain list of ranges over thousands of operations", () =>
  holdMixes(1, 10));
Deno.test("sixty thousand operations more agree with a plain list of ranges (long)", () =>
  holdMixes(11, 40));

function holdMixes(first: number, last: number): void {
  let operations = 0;
  let refused = 0;
  let mostLive = 0;
  for (let seed = first; seed <= last; seed++) {
    const result = runSeed(seed, 2000);
    operations += result.operations;
    refused += result.refused;
    mostLive = Math.max(mostLive, result.mostLive);
  }
  assertEquals(operations, 2000 * (last + 1 - first));
  // The runs must be large enough to be useful: some of them must have many mappings, and some must
  // run out of addresses.
  assert(mostLive > 200, `${mostLive} live`);
  assert(refused > 25, `${refused} refused`);
}

Deno.test("the same seed is the same run", () => {
  assertEquals(runSeed(7, 500), runSeed(7, 500));
});

Deno.test("the model finds what overlaps, and what a flush sets free", () => {
  const model = new PlainRanges([{ start: 50, end: 60 }]);
  const range = (start: number, end: number) => ({ start, end, leaves: [] });
  const first = range(10, 20);
  assertEquals(model.take(first), null);
  assertEquals(model.take(range(19, 21)), "[19, 21) overlaps [10, 20)");
  assertEquals(model.take(range(45, 51)), "[45, 51) overlaps [50, 60)");
  model.park(first, 3);
  model.flushed(3);
  assertEquals(model.take(range(12, 13)), "[12, 13) overlaps [10, 20)");
  model.flushed(4);
  assertEquals(model.take(range(12, 13)), null);
});

Deno.test("a machine that breaks its promise is found", () => {
  const tried = new MappingWorld({
    model: "vtd",
    granuleBytes: 4096,
    lazy: false,
    cpus: 1,
    maskBits: 32,
    iotlbEntries: 16,
    hotGranules: [1],
    hotPercent: 100,
  });
  for (let count = 0; count < 10; count++) tried.run({ kind: "map", a: count, b: 0, c: 2 });
  // A range in use is freed, so that the next map gets it a second time.
  const { start, end } = tried.model.live[3]!;
  tried.domain.freeIova(start, end - start);
  assertThrows(() => tried.run({ kind: "map", a: 99, b: 0, c: 2 }), Disagreement);
});

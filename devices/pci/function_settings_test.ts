/** Keys of a function's configuration space (PCI Local Bus 3.0, 6.2.5.1). */
import { assertEquals } from "@std/assert";
import { doubleBar, parseBars } from "./function_settings.ts";

/**
 * The BARs in a text: number, kind, size, prefetchable and bytes of peer memory; null for an
 * invalid text.
 */
function barsOf(text: string) {
  return parseBars(text)?.map((
    { index, kind, peerBytes, prefetchable, sizeBytes },
  ) => [index, kind, sizeBytes, prefetchable, peerBytes]) ?? null;
}

Deno.test("a text lists BARs by number, kind and size, a power of two that its kind can have", () => {
  assertEquals(barsOf("0 io 4B,5 IO 256b"), [[0, "io", 4, false, 0], [5, "io", 256, false, 0]]);
  assertEquals(barsOf(" 1 mem32 4KiB , 2 mem64 prefetchable 1MiB"), [
    [1, "mem32", 2 ** 12, false, 0],
    [2, "mem64", 2 ** 20, true, 0],
  ]);
  assertEquals(barsOf("0 mem32 16B, 1 mem64 2KiB"), [
    [0, "mem32", 16, false, 0],
    [1, "mem64", 2048, false, 0],
  ]);
  assertEquals(barsOf("3 mem64 1024GiB"), [[3, "mem64", 2 ** 40, false, 0]]);
  for (
    const wrong of [
      "",
      "0 io 4B,",
      "6 io 4B",
      "0 io 2B",
      "0 io 512B",
      "0 io 5B",
      "0 mem32 8B",
      "0 mem32 24B",
      "0 mem32 3MiB",
      "0 mem64 2048GiB",
      "0 mem32 prefetchable",
      "x0 mem32 4KiB",
      "0 mem32 4KiBx",
    ]
  ) assertEquals(barsOf(wrong), null, wrong);
});

Deno.test("a BAR of 64 bits has two numbers, each once, up to 5", () => {
  const double = (...bars: [index: number, kind: "io" | "mem32" | "mem64"][]) =>
    doubleBar(bars.map(([index, kind]) => ({ index, kind })));
  assertEquals(double([0, "mem32"], [1, "mem32"], [5, "io"]), null);
  assertEquals(double([0, "mem64"], [2, "mem64"], [4, "mem64"]), null);
  assertEquals(double([0, "mem64"], [1, "mem32"]), 1);
  assertEquals(double([1, "mem32"], [0, "mem64"]), 1);
  assertEquals(double([3, "io"], [2, "io"], [3, "io"]), 3);
  assertEquals(double([5, "mem64"]), 6);
});

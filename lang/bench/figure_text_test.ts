import { assertEquals } from "@std/assert";
import { summariseLatencies } from "./distribution.ts";
import { figureText, ratioText } from "./figure_text.ts";

Deno.test("figures are exact for each iteration, as decimals or as fractions", () => {
  const text = (name: string, total: number, iterations: number) =>
    figureText(name, {
      iterations,
      counts: { "iotlb.sync": total },
      entries: total,
      iotlbMisses: 0,
      copiedBytes: total,
      memoryBytes: 0,
      treeAllocs: 0,
      virtualNs: total,
      latency: summariseLatencies("iteration", [total]),
    });
  assertEquals(
    [
      text("entries", 2_112_000, 1000),
      text("invalidations", 3, 1000),
      text("iotlb.sync", 7, 3),
      text("entries", 10, 20),
      text("copied_bytes", 4096 * 20, 20),
      text("time", 25_804_000, 1000),
      text("time", 10, 3),
      text("p50", 7, 1000),
    ],
    ["2_112", "0.003", "7/3", "0.5", "4KiB", "25.804us", "10ns/3", "7ns"],
  );
});

Deno.test("a ratio that is not 1 does not read as 1", () => {
  assertEquals([1, 1.0002, 0.0028, 250].map(ratioText), ["×1", "×1.00", "×0.0028", "×250"]);
});

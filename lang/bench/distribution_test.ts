import { assertEquals } from "@std/assert";
import { summariseLatencies } from "./distribution.ts";

Deno.test("percentiles are times that happened, by nearest rank", () => {
  const times = Array.from({ length: 200 }, (_, index) => 200 - index);
  const { count, percentilesNs } = summariseLatencies("request", times);
  assertEquals([count, percentilesNs], [200, { p50: 100, p90: 180, p99: 198, max: 200 }]);
  const { percentilesNs: of, ranges } = summariseLatencies("iteration", []);
  assertEquals([of, ranges], [{ p50: 0, p90: 0, p99: 0, max: 0 }, []]);
});

Deno.test("a histogram has single times where few differ, else ranges that hold all", () => {
  assertEquals(summariseLatencies("request", [5, 3, 5]).ranges, [
    { fromNs: 3, toNs: 3, count: 1 },
    { fromNs: 5, toNs: 5, count: 2 },
  ]);
  const times = Array.from({ length: 100 }, (_, index) => 7 * index);
  const { ranges } = summariseLatencies("request", times);
  assertEquals([ranges[0]!.fromNs, ranges.at(-1)!.toNs], [0, 693]);
  assertEquals(ranges.reduce((sum, { count }) => sum + count, 0), 100);
  for (const { count, fromNs, toNs } of ranges) {
    assertEquals(count, times.filter((ns) => ns >= fromNs && ns <= toNs).length);
  }
});

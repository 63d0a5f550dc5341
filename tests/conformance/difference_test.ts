import { assertEquals } from "@std/assert";
import { firstDifference, formatValue } from "./difference.ts";

Deno.test("firstDifference() finds nothing in equal values, whatever the order of keys", () => {
  assertEquals(firstDifference({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 }), null);
});

Deno.test("firstDifference() names the place of the first difference", () => {
  assertEquals(
    firstDifference({ map: [{ inner: [{ iova: 4096 }] }] }, { map: [{ inner: [{ iova: 8192 }] }] }),
    { path: "map[0].inner[0].iova", expected: 4096, got: 8192 },
  );
});

Deno.test("firstDifference() tells a value that is missing from one that is null", () => {
  assertEquals(firstDifference({ a: null }, {}), { path: "a", expected: null, got: undefined });
  assertEquals(firstDifference({}, { a: null }), { path: "a", expected: undefined, got: null });
});

Deno.test("firstDifference() compares lists of different lengths item by item", () => {
  assertEquals(firstDifference([1, 2], [1]), { path: "[1]", expected: 2, got: undefined });
  assertEquals(firstDifference([1], [1, 2]), { path: "[1]", expected: undefined, got: 2 });
});

Deno.test("firstDifference() does not take a list for an object, nor 0 for false", () => {
  assertEquals(firstDifference([], {})?.path, "");
  assertEquals(firstDifference(0, false)?.path, "");
});

Deno.test("formatValue() shows addresses in hex too, and cuts long text in the middle", () => {
  assertEquals(formatValue(4294967295), "4294967295 (0xffffffff)");
  assertEquals(formatValue(12), "12");
  assertEquals(formatValue(undefined), "(nothing)");
  const long = formatValue("x".repeat(400));
  assertEquals(long.length < 170, true);
  assertEquals(long.includes(" … "), true);
});

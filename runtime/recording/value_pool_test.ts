import { assertEquals } from "@std/assert";
import { ValuePool } from "./value_pool.ts";

Deno.test("equal texts and equal lists have one number and are kept once, in any order", () => {
  const pool = new ValuePool();
  const numbers = [["a", 1], ["b"], ["a", 1]].map((list) => pool.list(list));
  assertEquals(numbers, [0, 1, 0]);
  assertEquals(["a", "b", "a"].map((text) => pool.text(text)), [2, 3, 2]);
  assertEquals([0, 1, 2, 3].map((index) => pool.value(index)), [["a", 1], ["b"], "a", "b"]);
  const before = pool.hostBytes;
  pool.list(["b"]);
  pool.text("b");
  assertEquals(pool.hostBytes, before);
});

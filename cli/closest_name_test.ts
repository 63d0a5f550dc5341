import { assertEquals } from "@std/assert";
import { closestName } from "./closest_name.ts";

Deno.test("closestName() finds a letter too many, too few, wrong or swapped", () => {
  const names = ["explain", "completions", "run"];
  for (const typo of ["explian", "expain", "explaain", "exploin", "EXPLAIN"]) {
    assertEquals(closestName(typo, names), "explain", typo);
  }
  assertEquals(closestName("rnu", names), "run");
});

Deno.test("closestName() offers nothing when nothing is near", () => {
  assertEquals(closestName("zebra", ["explain", "run"]), null);
  assertEquals(closestName("x", ["explain", "run"]), null);
});

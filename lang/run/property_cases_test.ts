import { assertEquals } from "@std/assert";
import { BUILTINS } from "../builtins/mod.ts";
import { ListValue, Quantity, RangeValue } from "../vm/value.ts";
import { propertyCases } from "./property_cases.ts";

const random = () => BUILTINS.random(1);

Deno.test("propertyCases() tries every case when there are few", () => {
  const forall = [
    { name: "a", values: new RangeValue(0, 2, "int") },
    { name: "b", values: new ListValue(["x", "y", "z"]) },
  ];
  assertEquals([...propertyCases(forall, random())], [
    [0, "x"],
    [0, "y"],
    [0, "z"],
    [1, "x"],
    [1, "y"],
    [1, "z"],
  ]);
});

Deno.test("propertyCases() tries both ends and then random cases, the same for the same seed", () => {
  const forall = [
    { name: "a", values: new RangeValue(1, 513, "int") },
    { name: "b", values: new RangeValue(0, 8, "size") },
  ];
  const cases = [...propertyCases(forall, random(), 50)];
  assertEquals(cases.length, 50);
  assertEquals(cases[0], [1, new Quantity("size", 0)]);
  assertEquals(cases[1], [512, new Quantity("size", 7)]);
  assertEquals(cases, [...propertyCases(forall, random(), 50)]);
  for (const [a] of cases) assertEquals((a as number) >= 1 && (a as number) <= 512, true);
});

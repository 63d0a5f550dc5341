/** Scenarios that nobody reads for pleasure: every way to say no that the examples have no use for. */
import { assertEquals } from "@std/assert";
import { runExample, scenariosBelow } from "./examples.ts";

const SUITES = scenariosBelow("tests/suites");

for (const path of SUITES) Deno.test(path, (t) => runExample(t, path));

Deno.test("there are suites to run", () => {
  assertEquals(SUITES.length, 5);
});

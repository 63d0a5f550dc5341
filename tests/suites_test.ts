/** Scenarios for errors and reports that no example needs. */
import { assertEquals } from "@std/assert";
import { scenariosBelow } from "./examples.ts";
import { testScenario } from "./example_test_steps.ts";

const SUITES = scenariosBelow("tests/suites");

for (const path of SUITES) Deno.test(path, (t) => testScenario(t, path));

Deno.test("there are suites to run", () => {
  assertEquals(SUITES.length, 7);
});

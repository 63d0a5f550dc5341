import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { ScenarioError } from "@dmalab/cli/testing";
import { scenariosBelow } from "./examples.ts";
import { testScenario } from "./example_test_steps.ts";
import { ROOT } from "./source_text.ts";

const FOLDER = "examples";
const mayRead = Deno.permissions.querySync({ name: "read", path: join(ROOT, FOLDER) }).state;

if (mayRead !== "granted") {
  Deno.test("the examples", () => {
    throw new ScenarioError("The examples may not be read: run deno test -R", []);
  });
} else {
  const examples = scenariosBelow(FOLDER);
  for (const path of examples) {
    Deno.test(path, (t) => testScenario(t, path));
  }

  Deno.test("the examples of each folder are numbered from 01 on without a gap", () => {
    const byFolder = Map.groupBy(examples, (path) => path.slice(0, path.lastIndexOf("/") + 1));
    for (const [folder, paths] of byFolder) {
      const numbers = paths.map((path) => path.slice(folder.length).match(/^\d\d(?=-)/)?.[0])
        .sort();
      const wanted = paths.map((_, index) => String(index + 1).padStart(2, "0"));
      assertEquals(numbers, wanted, folder);
    }
  });

  Deno.test("api/04 is shorter by a third than the 159 lines of code that it took before things changed in place", () => {
    const text = Deno.readTextFileSync(join(ROOT, FOLDER, "api/04-two-step-unwind.dma"));
    const lines = text.split("\n").filter((line) => !/^\s*(#|$)/.test(line));
    assert(lines.length * 3 <= 159 * 2, `${lines.length}`);
  });

  Deno.test("there are examples to run", () => {
    assert(examples.length >= 8, `Found ${examples.length}: ${examples.join(", ")}`);
  });
}

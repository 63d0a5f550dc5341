import { assert } from "@std/assert";
import { join } from "@std/path";
import { runExample, ScenarioError, scenariosBelow } from "./examples.ts";
import { ROOT } from "./source_text.ts";

const FOLDER = "examples";
const mayRead = Deno.permissions.querySync({ name: "read", path: join(ROOT, FOLDER) }).state;

if (mayRead !== "granted") {
  Deno.test("the examples", () => {
    throw new ScenarioError("The examples may not be read: run deno test -R", []);
  });
} else {
  const examples = scenariosBelow(FOLDER);
  for (const path of examples) Deno.test(path, (t) => runExample(t, path));

  Deno.test("there are examples to run", () => {
    assert(examples.length >= 8, `Found ${examples.length}: ${examples.join(", ")}`);
  });
}

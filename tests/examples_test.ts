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

  Deno.test("the numbers of the examples have no gap but those that the README explains", () => {
    const numbers = new Set(examples.map((path) => Number(path.match(/(\d+)-[^/]*$/)?.[1])));
    const missing = Array.from({ length: Math.max(...numbers) }, (_, index) => index + 1)
      .filter((number) => !numbers.has(number));
    const readme = Deno.readTextFileSync(join(ROOT, "README.md"));
    const [, told = ""] = readme.match(/^- \[examples\/\]\(examples\/\): .*?\(((?:.|\n)*?)\)/m) ??
      [];
    for (const number of missing) assert(told.match(/\d+/g)?.includes(String(number)), `${number}`);
  });

  Deno.test("07 is shorter by a third than the 159 lines of code that it took before things changed in place", () => {
    const text = Deno.readTextFileSync(join(ROOT, FOLDER, "07-two-step-unwind.dma"));
    const lines = text.split("\n").filter((line) => !/^\s*(#|$)/.test(line));
    assert(lines.length * 3 <= 159 * 2, `${lines.length}`);
  });

  Deno.test("there are examples to run", () => {
    assert(examples.length >= 8, `Found ${examples.length}: ${examples.join(", ")}`);
  });
}

/** Every defect switch that a machine may ask for changes something, is documented, and is tested. */
import { assert, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { filesBelow, readSources, ROOT } from "./source_text.ts";
import { QUIRK_NAMES } from "../runtime/kernels/quirks.ts";

const SOURCES = readSources(["runtime", "devices"]).filter(({ path }) =>
  !path.endsWith("_test.ts") && !path.includes("/_")
);
const ASKED = SOURCES.flatMap(({ path, text }) =>
  [...text.matchAll(/"([a-z][a-z0-9_]+)"/g)].map(([, name]) => ({ name: name!, path }))
);

Deno.test("what a switch changes asks for it", () => {
  for (const name of QUIRK_NAMES) assert(ASKED.some((each) => each.name === name), name);
});

Deno.test("a switch has a row on the page on defects", () => {
  const page = Deno.readTextFileSync(join(ROOT, "docs/behaviour/defects.md"));
  for (const name of QUIRK_NAMES) assertStringIncludes(page, `\`${name}\``);
});

Deno.test("a switch has a test that asks for it, or a scenario", () => {
  const tests = readSources([
    "runtime",
    "devices",
    "tests",
    "lang",
    "cli",
    "conformance",
    "instruments",
  ])
    .filter(({ path }) => path.endsWith("_test.ts")).map(({ text }) => text);
  const scenarios = filesBelow(join(ROOT, "examples"))
    .filter((path) => path.endsWith(".dma")).map((path) => Deno.readTextFileSync(path));
  const told = [...tests, ...scenarios].join("\n");
  for (const name of QUIRK_NAMES) assert(told.includes(name), name);
});

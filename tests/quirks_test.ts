/** Every defect switch that a machine can set has an effect, is documented, and is tested. */
import { assert, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { filesBelow, readSources, ROOT, SOURCE_FOLDERS } from "./source_text.ts";
import { BEHAVIOURS, QUIRK_NAMES } from "@dmalab/runtime/kernels";

const SOURCES = readSources(["runtime", "devices", "lang/builtins"]).filter(({ path }) =>
  !path.endsWith("_test.ts") && !path.includes("/_") && !path.endsWith("/behaviours.ts")
).map(({ text }) => text);

Deno.test("a branch names each row of the table of behaviours", () => {
  for (const name of Object.keys(BEHAVIOURS)) {
    assert(SOURCES.some((text) => new RegExp(`\\b${name}\\b(?!\`)`).test(text)), name);
  }
});

Deno.test("a switch has a row on the page on defects, besides that of its releases", () => {
  const page = Deno.readTextFileSync(join(ROOT, "docs/rules/defects.md"));
  const known = page.slice(0, page.indexOf("## Which release does what"));
  for (const name of QUIRK_NAMES) assertStringIncludes(known, `\`${name}\``);
});

Deno.test("a switch has a test that asks for it, or a scenario", () => {
  const tests = readSources([...SOURCE_FOLDERS, "tests"])
    .filter(({ path }) => path.endsWith("_test.ts")).map(({ text }) => text);
  const scenarios = filesBelow(join(ROOT, "examples"))
    .filter((path) => path.endsWith(".dma")).map((path) => Deno.readTextFileSync(path));
  const seen = [...tests, ...scenarios].join("\n");
  for (const name of QUIRK_NAMES) assert(seen.includes(name), name);
});

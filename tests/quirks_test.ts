/** Every defect switch that a machine may ask for changes something, is documented, and is tested. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { filesBelow, readSources, ROOT, SOURCE_FOLDERS } from "./source_text.ts";
import { readRow } from "@dmalab/cli";
import {
  KERNEL_NAMES,
  KERNEL_SHORT_NAMES,
  KERNELS,
  QUIRK_NAMES,
  type QuirkName,
} from "@dmalab/runtime/kernels";

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
  const page = Deno.readTextFileSync(join(ROOT, "docs/rules/defects.md"));
  for (const name of QUIRK_NAMES) assertStringIncludes(page, `\`${name}\``);
});

Deno.test("the releases in the tables of defects.md are those whose records have the switch on", () => {
  const page = Deno.readTextFileSync(join(ROOT, "docs/rules/defects.md"));
  const short = new Map<string, string>(
    Object.entries(KERNEL_SHORT_NAMES).map(([name, full]) => [full, name]),
  );
  let rows = 0;
  for (const line of page.slice(0, page.indexOf("The same defect can")).split("\n")) {
    const name = line.match(/^\| `(\w+)` \|/)?.[1] as QuirkName | undefined;
    if (name === undefined) continue;
    rows++;
    const releases = readRow(line)[1]!;
    for (const kernel of KERNEL_NAMES) {
      const names = [kernel, short.get(kernel) ?? kernel];
      const seen = names.some((each) =>
        releases.split(/[ ,;]+/).includes(each) && !releases.includes(`${each} has not`)
      );
      assertEquals(seen, KERNELS[kernel].quirks.has(name), `${name}, ${kernel}`);
    }
  }
  assertEquals(rows, 14);
});

Deno.test("a switch has a test that asks for it, or a scenario", () => {
  const tests = readSources([...SOURCE_FOLDERS, "tests"])
    .filter(({ path }) => path.endsWith("_test.ts")).map(({ text }) => text);
  const scenarios = filesBelow(join(ROOT, "examples"))
    .filter((path) => path.endsWith(".dma")).map((path) => Deno.readTextFileSync(path));
  const seen = [...tests, ...scenarios].join("\n");
  for (const name of QUIRK_NAMES) assert(seen.includes(name), name);
});

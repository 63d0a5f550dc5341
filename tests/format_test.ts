/** `dmalab fmt` on the project's own scenarios; `tests/fuzz_test.ts` formats random programs. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { formatSource } from "@dmalab/lang/editor";
import { SourceFile } from "@dmalab/lang";
import { scenariosBelow } from "./examples.ts";
import { ROOT } from "./source_text.ts";

for (const path of ["examples", "tests/suites"].flatMap(scenariosBelow)) {
  Deno.test(`${path} is formatted`, () => {
    const text = Deno.readTextFileSync(join(ROOT, path));
    const formatted = formatSource(new SourceFile(path, text));
    assert(formatted.ok, "it has errors");
    assertEquals(text, formatted.text, `run: deno task dmalab fmt ${path}`);
  });
}

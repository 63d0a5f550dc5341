/** Commands that newcomers try in the first hour, beside those of tests/transcripts. */
import "@dmalab/bin/provide";
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { loadText } from "@dmalab/lang";
import { dmalab } from "./dmalab_program.ts";

const SCENARIO = 'test "holds" { assert 1 + 1 == 2 }\n';

Deno.test("report takes the branch that a failed test prints, and refuses what is none", async () => {
  using folder = new TempFolder({ "lab.dma": SCENARIO });
  const report = (branch: string) =>
    dmalab("report", folder.at("lab.dma"), "-o", folder.at("page.html"), "--branch", branch);
  const { code, errors } = await report("");
  assertEquals(code, 2);
  assertStringIncludes(errors, "error: --branch");
  // A checkout has no report page until `deno task web` builds it.
  for (const branch of ["1:alloc_pages@4", "1:first", "1:race@0.1"]) {
    const { errors } = await report(branch);
    assert(errors === "" || errors.includes("page of reports is not built"), errors);
  }
});

Deno.test("each error of a driver in C that is not compiled says which command compiles it", () => {
  const { diagnostics } = loadText('driver ring = c "ring.c"\n');
  const found = diagnostics.filter(({ code }) => code === "E0710");
  assertEquals(found.map(({ hint }) => hint), ["run the file by `dmalab run` or `dmalab test`"]);
});

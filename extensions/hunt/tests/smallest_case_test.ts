/** Checks that `examples/start/06-smallest-case.dma` documents the real output of its property. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { LoadError } from "@dmalab/lang/syntax";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { runProgram } from "@dmalab/lang/program";
import { ROOT } from "@dmalab/tests";

const EXAMPLE = "examples/start/06-smallest-case.dma";

function outcomes(text: string) {
  const { program } = loadProgram(new SourceFile(EXAMPLE, text), {
    load: () => new LoadError("not_found", "It uses no file"),
  });
  assert(program !== null, "the example is wrong");
  return runProgram(program).outcomes;
}

Deno.test("the property that fails on purpose comes to the case that the example shows", () => {
  const text = Deno.readTextFileSync(join(ROOT, EXAMPLE));
  const [, name] = text.match(/^skip property "([^"]+)"/m)!;
  const failing = outcomes(text.replace(/^skip property/m, "property"))
    .find((outcome) => outcome.name === name)!;
  assertEquals(failing.failure?.code, "E0901");
  const said = failing.failure!.lines;
  const start = said.findIndex((line) => line.includes("as a test to paste:"));
  const pasted = said.slice(start + 1).join("\n");
  const [shown] = text.match(/^test ".*first = 1B, size = 4KiB" \{/m)!;
  assertEquals(pasted.trimStart().split("\n")[0], shown);
  // The pasted test fails like the property.
  const again = outcomes(`${text}\n${pasted.replace(shown, 'test "pasted" {')}`)
    .find((outcome) => outcome.name === "pasted")!;
  assertEquals(again.failure?.message, failing.failure!.message);
});

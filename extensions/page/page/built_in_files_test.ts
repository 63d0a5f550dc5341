import { assertEquals, assertThrows } from "@std/assert";
import { builtInText, examplesOf, type PlaygroundData, readBuiltIn } from "./built_in_files.ts";

const DATA: PlaygroundData = {
  files: { "examples/b.dma": "test {\n}\n", "examples/data.txt": "1\n", "examples/a.dma": "" },
  uses: { "examples/b.dma": ["examples/data.txt"] },
};

Deno.test("built-in files are read as they were written, and examples keep their order", () => {
  const read = readBuiltIn(builtInText(DATA));
  assertEquals(read, DATA);
  assertEquals(examplesOf(read), ["examples/b.dma", "examples/a.dma"]);
});

Deno.test("a file that would end its element or its part is no built-in file", () => {
  for (const text of ["a\fb", "</script>", "<!-- -->"]) {
    assertThrows(() => builtInText({ files: { "a.dma": text }, uses: {} }), Error, "a.dma");
  }
});

import { assertEquals, assertThrows } from "@std/assert";
import { builtInText, examplesOf, type PlaygroundData, readBuiltIn } from "./built_in_files.ts";

const DATA: PlaygroundData = {
  files: {
    "examples/b.dma": "test {\n}\n",
    "examples/data.txt": "1\n",
    "examples/a.dma": "",
    "examples/start/z.dma": "",
  },
  uses: { "examples/b.dma": ["examples/data.txt"] },
};

Deno.test("built-in files are read as they were written, and the first examples are those to start with", () => {
  const read = readBuiltIn(builtInText(DATA));
  assertEquals(read, DATA);
  assertEquals(examplesOf(read), ["examples/start/z.dma", "examples/a.dma", "examples/b.dma"]);
});

Deno.test("a file that would end its element or its part is no built-in file", () => {
  for (const text of ["a\fb", "</script>", "<!-- -->"]) {
    assertThrows(() => builtInText({ files: { "a.dma": text }, uses: {} }), Error, "a.dma");
  }
});

import { MemoryScreen } from "@dmalab/cli";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { memoryFiles } from "@dmalab/lang/syntax";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { FindingPrinter, usedFromHere } from "./remark.ts";

const finding = (name: string) =>
  `# ${name}: found\n\n# What is wrong.\nmachine { pci { root_port rp0 { nvme ssd { } } } }\n\ntest "${name}" { assert 1 == 1 }\n\n`;

Deno.test("a redirected output of several findings is one scenario, with the others as plain comments", () => {
  const screen = new MemoryScreen();
  const printer = new FindingPrinter(screen);
  for (const name of ["one", "two", "three"]) printer.print(finding(name));
  const { program } = loadForDebugging(new SourceFile("f.dma", screen.output), memoryFiles());
  assert(program !== null, screen.output);
  assertEquals(screen.output.match(/^# +#/m), null);
  assertStringIncludes(screen.output, "\n# two: found\n#\n# What is wrong.\n# machine { pci");
  // A finding that uses the file's machine is a test beside the others.
  const used = new MemoryScreen();
  const other = new FindingPrinter(used);
  for (const name of ["one", "two"]) other.print(`use "d.dma"\n\ntest "${name}" { }\n\n`);
  assertEquals(used.output.match(/^test/gm)?.length, 2);
});

Deno.test("a finding uses the hunted file by its path from the current folder, or says where it belongs", () => {
  const text = '# a comment\nuse "d.dma"\n\ntest "t" { let s = "use" }\n';
  assertEquals(usedFromHere(text, "d.dma"), text);
  assertEquals(usedFromHere(text, null), text);
  assertStringIncludes(usedFromHere(text, "./sub/x/d.dma"), '\nuse "sub/x/d.dma"\n');
  assertStringIncludes(
    usedFromHere(text, "../other/d.dma"),
    '\n# Save it beside the file: ../other/\nuse "d.dma"\n',
  );
});

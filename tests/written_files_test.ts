/** Every option that names a file to write: a missing folder, and the line that says what was written. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { TempFolder } from "@dmalab/tools";
import { dmalab, runProgram } from "./dmalab_program.ts";
import { ROOT } from "./source_text.ts";

const LAB = `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd {} } } }
test "a read" {
  let io = ssd.read(lba: 0, into: alloc_pages(1))
  show io.requests[0]
}
bench "reads" matrix { iommu.mode = [strict, lazy] } {
  setup { let page = alloc_pages(1) }
  loop { ssd.read(lba: 0, into: page) }
}
`;

/** Each command with its option, and a file's name with the right ending. */
const WRITING = [
  ["run", "--export", "t.dmatrace.jsonl"],
  ["run", "--picture", "p.svg"],
  ["test", "--junit-path", "j.xml"],
  ["bench", "--junit-path", "j.xml"],
  ["bench", "--plot", "p.svg"],
  ["bench", "--save", "m.json"],
  ["vectors", "--out", "v.jsonl"],
] as const;

for (const [command, option, name] of WRITING) {
  Deno.test(`${command} ${option} says what it wrote, and that a folder does not exist`, async () => {
    using folder = new TempFolder({ "lab.dma": LAB });
    const files = command === "vectors" ? ["--negative"] : [folder.at("lab.dma")];
    const path = folder.at(name);
    const good = await dmalab(command, ...files, option, path);
    assertEquals(good.code, 0, good.errors);
    assertStringIncludes(good.output + good.errors, path);
    assertEquals(/^Wrote /m.test(good.output + good.errors), true, good.output + good.errors);
    const missing = folder.at("none", name);
    // Deno cannot permit a folder that does not exist.
    const run = await runProgram(
      [command, ...files, option, missing],
      { folder: ROOT },
      "-R",
      `-W=${folder.at("none")}`,
    );
    assertEquals(run.code, 2, run.output);
    assertStringIncludes(run.output, `there is no folder "${folder.at("none")}"`);
  });
}

Deno.test("the name of a picture ends in .svg, for every option that writes one", async () => {
  using folder = new TempFolder({ "lab.dma": LAB });
  for (const [command, option] of [["run", "--picture"], ["bench", "--plot"]] as const) {
    const path = folder.at("p.png");
    const { code, errors } = await dmalab(command, folder.at("lab.dma"), option, path);
    assertEquals([code, errors], [
      2,
      `error: ${option} takes a name that ends in .svg, not "${path}"\n`,
    ]);
  }
});

/** `dmalab bench` and its options, run by the program's main function. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { dmalab } from "./dmalab_program.ts";

const LAB = `machine {
  iommu { mode = strict }
  latencies { preset = round_figures }
  pci { root_port rp0 { nvme ssd { } } }
}

bench "reads" for size in [4KiB, 64KiB], sent in [1, 2] matrix { iommu.mode = [strict, lazy] } {
  baseline = strict
  setup { let buf = buffer(size: size) }
  loop 20 { repeat sent { ssd.read(lba: 0, into: buf) } }
  budget entries <= 40 per iteration
  expect lazy.invalidations < 0.1 * strict.invalidations
  expect lazy.calls < strict.calls
}

test "{n} pages, {twice}" for n in 1..=3, twice in [false, true] { assert n < 3 or twice }
property "more" for pages in [1, 2] forall n in 0..4 { assert n < 4 * pages }
`;

const run = (folder: string, command: string, ...words: string[]) =>
  dmalab(command, join(folder, "lab.dma"), ...words);

async function inLab(act: (folder: string) => Promise<void>, text = LAB): Promise<void> {
  using folder = new TempFolder({ "lab.dma": text });
  await act(folder.path);
}

Deno.test("--junit-path has a case for each cell and expectation, --plot a picture, both whole XML", async () => {
  await inLab(async (folder) => {
    const [xml, svg] = [join(folder, "bench.xml"), join(folder, "bench.svg")];
    const words = ["--filter", "sent=1", "--junit-path", xml, "--plot", svg];
    // The second run replaces the files of the first.
    for (const _ of [1, 2]) {
      const ran = await run(folder, "bench", ...words);
      assertEquals(ran.code, 1);
      assert(!ran.errors.includes("E1103"), ran.errors);
    }
    const report = Deno.readTextFileSync(xml);
    // Four cells, and two expectations in two groups each.
    assertMatch(report, /tests="8" failures="2" skipped="0" errors="0"/);
    assertStringIncludes(report, 'name="reads: expect lazy.calls &lt; strict.calls at size = 4KiB');
    assertEquals(report.match(/<testcase/g)?.length, 8);
    assertEquals(report.match(/<failure message="The expectation is not met/g)?.length, 2);
    const picture = Deno.readTextFileSync(svg);
    assertMatch(picture, /^<!-- dmalab -->\n<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    // The picture has one curve for each mode, over all sizes.
    assertEquals(picture.match(/<text[^>]*>iommu\.mode = (?:strict|lazy)<\/text>/g)?.length, 2);
    // It says what its figures stand for, as the table does.
    const notes = ["size, logarithmic", "per iteration, of ", "virtual time at "];
    for (const text of ["time per iteration", "64KiB", "4us", ...notes]) {
      assertStringIncludes(picture, text);
    }
    for (const document of [report, picture]) {
      const opened = document.match(/<[a-z]\w*(?:\s[^>]*)?(?<!\/)>/g)!.length;
      assertEquals(document.match(/<\/[a-z]\w*>/g)!.length, opened);
      assert(!document.includes("NaN") && !document.includes("undefined"));
    }
  });
});

Deno.test("a table with frees into the flush queue says why they count twice", async () => {
  const note = "iova.free: a range in the flush queue counts again when the queue is flushed\n";
  const output = async (mode: string, ...words: string[]) => {
    using folder = new TempFolder({
      "lab.dma": `machine { pci { root_port rp0 { endpoint nic { } } } }
bench "maps" matrix { iommu.mode = [${mode}] } {
  loop { dma_unmap_phys(nic, dma_map_phys(nic, 0x2000_0000, 4KiB, to_device), 4KiB, to_device) }
}
`,
    });
    return (await run(folder.path, "bench", ...words)).output;
  };
  assertStringIncludes(await output("strict, lazy"), note);
  assertEquals((await output("strict")).includes(note), false);
  assertEquals((await output("lazy", "--figure", "calls")).includes(note), false);
});

Deno.test("--against names the exact figures that differ from what was saved, and refuses what was not", async () => {
  await inLab(async (folder) => {
    const path = join(folder, "before.json");
    await run(folder, "bench", "--save", path);
    const same = await run(folder, "bench", "--against", path);
    assertStringIncludes(same.output, "no exact figure differs");
    const file = join(folder, "lab.dma");
    Deno.writeTextFileSync(file, LAB.replace("repeat sent {", "repeat 2 * sent {"));
    const twice = await run(folder, "bench", "--against", path);
    assertMatch(
      twice.output,
      /^reads \(size = 4KiB, sent = 1\) \[iommu\.mode = strict\] invalidations: 1 → 2 per iteration$/m,
    );
    const wrong = await run(folder, "bench", "--against", file);
    assertEquals(wrong.code, 2);
    assertStringIncludes(wrong.errors, "was not written by --save");
  });
});

Deno.test("--host-time finds the same machine equal to itself, whatever the order of the columns", async () => {
  const text = `machine { pci { root_port rp0 { endpoint nic { } } } }
bench "a" matrix { iommu.mode = [strict, lazy, strict, lazy] } {
  setup { let page = alloc_pages(1) }
  loop {
    let m = dma_map_phys(nic, page.phys, 4KiB, to_device)
    dma_unmap_phys(nic, m, 4KiB, to_device)
  }
}`;
  await inLab(async (folder) => {
    const { code, output } = await run(folder, "bench", "--host-time");
    assertEquals(code, 0, output);
    const table = output.slice(output.indexOf("processor time on this host"));
    const rows = [...table.matchAll(/^(\d) +a \[iommu\.mode = (\w+)\].*× \d+ *([\d, ]*)$/gm)];
    assertEquals(rows.map(([, , mode]) => mode), ["strict", "lazy", "strict", "lazy"]);
    for (const [index, twin] of [[0, "3"], [1, "4"], [2, "1"], [3, "2"]] as const) {
      assert(rows[index]![3]!.split(", ").includes(twin), table);
    }
    assert(!output.slice(0, output.indexOf("processor time")).includes("host"));
  }, text);
});

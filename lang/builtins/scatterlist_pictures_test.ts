import { assert, assertEquals } from "@std/assert";
import { runScript } from "../testing/run_script.ts";

const MACHINE = `machine {
  ram { size = 8GiB }
  iommu { mode = strict, reserved = [] }
  pci {
    root_port rp0 {
      endpoint nic { dma_mask_bits = 32, max_segment_size = 64KiB, segment_boundary = 4GiB }
    }
  }
}
fn sg_of(entries) { return scatterlist(entries.map(e => { phys: e[0], size: e[1] })) }
`;

function shown(script: string, machine = MACHINE): readonly string[] {
  const { problems, output } = runScript(machine + script, {}, { lenient: true });
  assertEquals(problems, []);
  for (const line of output) assert(line.length <= 80, line);
  return output;
}

Deno.test("show of a mapped scatterlist joins entries, and says what keeps ranges apart (dma.md ch. 7 assertion 1)", () => {
  assertEquals(
    shown(`
let sg = sg_of([[0x10_0000, 4KiB], [0x20_0000, 4KiB], [0x30_0200, 1536B]])
show sg
assert dma_map_sg(nic, sg, to_device) == 2
show sg
explain sg
dma_unmap_sg(nic, sg, to_device)
explain sg`),
    [
      "scatterlist 3 entries, 96B in 1 table                                 not mapped",
      "────────────────────────────────────────────────────────────────────────────────",
      "    0      0x10_0000     4KiB",
      "    1      0x20_0000     4KiB",
      "    2      0x30_0200    1536B",
      "scatterlist 3 entries, 96B in 1 table                           2 ranges for nic",
      "────────────────────────────────────────────────────────────────────────────────",
      "    0      0x10_0000     4KiB ─┬─►   0xffff_c000     8KiB",
      "    1      0x20_0000     4KiB ─┘",
      "    2      0x30_0200    1536B ───►   0xffff_e200    1536B  starts inside a page",
      "3 entries became 2 ranges for nic",
      "  0xffff_c000 8KiB: entries 0 to 1",
      "  0xffff_e200 1536B: entry 2",
      "    not merged, dma.7.2.5: entry 2 starts at byte 512 of a page, which leaves a",
      "    gap after the one before",
      "the list is not mapped",
    ],
  );
});

Deno.test("a long list is shown by its ends", () => {
  const output = shown(`let sg = scatterlist(alloc_pages(100, contiguous: false))
assert dma_map_sg(nic, sg, to_device) == 7
show sg
print sg`);
  assertEquals(output.length, 2 + 16 + 1 + 4 + 1);
  assert(output.includes("  … 80 more"));
  assertEquals(output.at(-1), "scatterlist of 100 entries, 7 ranges for nic");
});

Deno.test("a scatterlist's fields count entries, ranges, tables and host memory (dma.md 7.2)", () => {
  shown(`
let sg = scatterlist([alloc_pages(1), { phys: 0x20_0000, size: 4KiB }])
assert sg.nents == 2 and sg.size == 8KiB and sg.tables == 1 and sg.memory == 64B
assert sg.entries[1] == { phys: 0x20_0000 as phys, size: 4KiB }
dma_map_sgtable(nic, sg, from_device)
assert sg.mapped.length == 1 and not sg.bounced
assert sg.mapped[0].size == 8KiB and iommu.live_mappings == 1
dma_unmap_sg(nic, sg, from_device)
assert iommu.live_mappings == 0
assert scatterlist(alloc_pages(200, contiguous: false)).tables == 2`);
});

Deno.test("senseless scatterlists are refused", () => {
  const problem = (script: string) => runScript(MACHINE + script).problems.join("\n");
  assert(problem("scatterlist([])").includes("0 entries"));
  assert(problem("scatterlist([{ phys: 0x10_0000, size: 0 }])").includes("0 bytes"));
  assert(problem("scatterlist([1])").includes("{ phys, size }"));
  const twice = "let sg = scatterlist(alloc_pages(1))\ndma_map_sgtable(nic, sg, to_device)\n";
  assert(problem(`${twice}dma_map_sgtable(nic, sg, to_device)`).includes("mapped already"));
});

Deno.test("a range that another unmap has ended is told, though the list still has its address", () => {
  const output = shown(`let sg = sg_of([[0x10_0000, 4KiB], [0x30_0200, 1536B]])
assert dma_map_sg(nic, sg, to_device) == 2
dma_unmap_single(nic, sg.mapped[0].addr, 4KiB, to_device) warns unmap_kind
show sg
explain sg
dma_unmap_single(nic, sg.mapped[1].addr, 1536B, to_device) warns unmap_kind
show sg
explain sg`);
  const [part = "", all = ""] = output.filter((line) => line.startsWith("scatterlist"));
  assert(part.endsWith("2 ranges for nic; 1 of them unmapped"), part);
  assert(all.endsWith("2 ranges for nic; unmapped"), all);
  assertEquals(output.filter((line) => /^ {2}.*unmapped$/.test(line)), [
    "  1 of them unmapped",
    "  unmapped",
  ]);
});

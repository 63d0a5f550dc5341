import { assertEquals } from "@std/assert";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { memoryFiles } from "@dmalab/lang/syntax";
import { recordRun, runsOf } from "@dmalab/recording";
import { openingOf } from "./breakpoints.ts";

Deno.test("a run opens at what failed it, also where that has not ended it", () => {
  const wrong = "dma_unmap_phys(ssd, a, 4KiB, from_device)";
  for (
    const [middle, end, opened] of [
      [wrong, "", `  ${wrong}`],
      [`${wrong} warns unmap_direction`, "", null],
      [`${wrong} warns unmap_direction`, "assert b.size == 1B", "  assert b.size == 1B"],
      [
        "dma_unmap_phys(ssd, a, 4KiB, to_device)",
        "ssd.dma_read(0x5000 as dma, 1B)",
        "  ssd.dma_read(0x5000 as dma, 1B)",
      ],
    ] as const
  ) {
    const text = `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }
test "t" {
  let a = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device)
  ${middle}
  let b = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device)
  ${end}
  dma_unmap_phys(ssd, b, 4KiB, to_device)
}
`;
    const { program } = loadForDebugging(new SourceFile("lab.dma", text), memoryFiles());
    const run = recordRun(program!, runsOf(program!)[0]!);
    const at = openingOf(run);
    const { source, start } = run.statement(at)!.span;
    const line = source.line(source.position(start).line);
    assertEquals(line, opened ?? `  ${middle}`, text);
    assertEquals(run.failure === null, opened === null, text);
  }
});

/** Width of the output: as the run requires, and 80 columns by default. */
import { assert, assertEquals } from "@std/assert";
import { run } from "../testing/test_support.ts";

const TEXT = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { } } }
}
let word = "0123456789"
show [word * 20]
show { entry: word * 20 }
show [{ first: word * 4, second: word * 4 }]
let io = ssd.read(lba: 0, into: alloc_pages(40, contiguous: false))
let read = trace { ssd.read(lba: 0, into: alloc_pages(40, contiguous: false)) }
show read
explain read
explain ssd.limits
explain alloc_pages(1).phys
let both = fork { dma_map_phys(ssd, 0x10_0000, 4KiB, to_device) } and { }
show both
`.replaceAll(/word \* (\d+)/g, (_, times) => Array(Number(times)).fill("word").join(" + "));

const linesAt = (columns?: number) => run(TEXT, { columns }).lines;
const widest = (lines: readonly string[]) => Math.max(...lines.map(({ length }) => length));

Deno.test("tables, lists, events and decisions are as wide as their run says, 80 where it does not", () => {
  const cut = (lines: readonly string[]) => lines.filter((line) => line.endsWith("…")).length;
  const usual = linesAt();
  assertEquals(linesAt(80), usual);
  const decisions = (lines: readonly string[]) => lines.filter((line) => line.startsWith("  #"));
  assertEquals(widest(decisions(usual)), 80);
  for (const columns of [100, 132]) {
    const wide = linesAt(columns);
    assertEquals(widest(decisions(wide)), columns);
    assert(
      cut(wide) < cut(usual) || columns === 100,
      `${cut(wide)} of ${cut(usual)} lines are cut`,
    );
    assert(wide.some((line) => line.startsWith("first ")), "a table of records has room");
  }
  assert(cut(linesAt(240)) === 0);
});

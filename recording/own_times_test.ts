/** Scripts and recordings with separate clocks for CPUs and devices. */
import { assert, assertEquals } from "@std/assert";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { memoryFiles } from "@dmalab/lang/syntax";
import { runScript } from "@dmalab/lang/testing";
import { timelineView } from "./views/timeline.ts";
import { recordRun, runsOf } from "./mod.ts";
import { atTime } from "./places.ts";

const MACHINE = `machine {
  cpus = 2
  iommu { mode = strict }
  latencies { doorbell = 100ns, interrupt = 200ns, iotlb_sync = 300ns }
  pci { root_port rp0 { nvme ssd { queues = 2 } } }
}
`;
/** The time of a read: two doorbells, an interrupt and an invalidation. */
const READ_NS = 700;

function endsWell(body: string): void {
  assertEquals(runScript(`${MACHINE}test "t" {\n${body}\n}`).problems, []);
}

Deno.test("each CPU goes on at its own time, and `advance` lets both meet", () => {
  endsWell(`
    on cpu 1 { repeat 2 { ssd.read(lba: 0, into: alloc_pages(1)) } }
    assert now() == 0ns
    on cpu 1 { assert now() == ${2 * READ_NS}ns }
    let buf = alloc_pages(1)
    let map = dma_map_phys(ssd, buf, 4KiB, to_device)
    dma_unmap_phys(ssd, map, 4KiB, to_device)
    # CPU 1 held the invalidation queue from 300 ns on, as it will again from 1000 ns on.
    assert now() == 300ns
    advance 0ns
    assert now() == ${2 * READ_NS}ns
    advance 1us
    on cpu 1 { assert now() == ${2 * READ_NS}ns + 1us }
  `);
});

Deno.test("a branch begins when the last CPU is done, and lasts until then", () => {
  endsWell(`
    on cpu 1 { repeat 3 { ssd.read(lba: 0, into: alloc_pages(1)) } }
    let both = fork { ssd.read(lba: 0, into: alloc_pages(1)) } and {
      for cpu in 0..2 { on cpu cpu { ssd.read(lba: 0, into: alloc_pages(1)) } }
    }
    assert both.first.time == ${READ_NS}ns
    assert both.second.time == ${READ_NS}ns, "each CPU reads by its own queue"
  `);
});

Deno.test("a recording is searched for the first moment of a time, and its axis never goes back", () => {
  const text = `${MACHINE}test "t" {
    repeat 3 { ssd.read(lba: 0, into: alloc_pages(1)) }
    on cpu 1 { repeat 5 { ssd.read(lba: 0, into: alloc_pages(1)) } }
  }`;
  const { program } = loadForDebugging(new SourceFile("two.dma", text), memoryFiles());
  const run = recordRun(program!, runsOf(program!)[0]!);
  const times = Array.from({ length: run.log.count }, (_, index) => run.log.atNs(index + 1));
  assert(times.some((ns, index) => ns < (times[index - 1] ?? 0)), "CPU 1 begins at 0");
  for (const ns of [1, READ_NS, 3 * READ_NS, 3 * READ_NS + 1, Math.max(...times)]) {
    assertEquals(atTime(run, ns)?.seq, times.findIndex((each) => each >= ns) + 1);
  }
  assertEquals(atTime(run, Math.max(...times) + 1), null);
  const axis = timelineView(run).times.map(({ atNs }) => atNs);
  assertEquals(axis, [...new Set(axis)].sort((a, b) => a - b));
  assertEquals(axis.at(-1), Math.max(...times));
});

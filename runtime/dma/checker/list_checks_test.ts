import { assertEquals, assertMatch } from "@std/assert";
import { GIB } from "../../address.ts";
import { ArmedInjection, INJECTION } from "../../injection.ts";
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at, type TestBenchOptions } from "../testing.ts";
import { checkerBench, DIRECT } from "./_bench.ts";

function listBench(segments: readonly (readonly [number, number])[], options?: TestBenchOptions) {
  const bench = checkerBench(options);
  const list = new Scatterlist(
    segments.map(([phys, sizeBytes]) => ({ phys: at(phys), sizeBytes })),
  );
  const { machine: { dma }, dev } = bench;
  return {
    ...bench,
    list,
    mapList: () => dma.dmaMapSg(dev, list, DMA_TO_DEVICE),
    unmapList: (dir: 0 | 1 | 2 = DMA_TO_DEVICE, entries = list.count) =>
      dma.dmaUnmapSg(dev, list, dir, 0, entries),
  };
}

const TWO = [[0x10_0000, 0x800], [0x20_0000, 0x1000]] as const;

Deno.test("row 6: a list ends with as many entries as it was mapped with (dma.md 8.2)", () => {
  const bench = listBench(TWO);
  bench.mapList();
  bench.unmapList(DMA_TO_DEVICE, 1);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, others], ["unmap_entries", []]);
  assertMatch(report!.text, /entries mismatch on device "dev": 1 passed, 2 mapped, for /);
  // Like the kernel, the checker did not check the second output: its record is left.
  assertEquals(bench.machine.checker!.records, 1);
});

Deno.test("row 7: a wrong direction is wrong for each output", () => {
  const bench = listBench(TWO);
  bench.mapList();
  bench.unmapList(DMA_FROM_DEVICE);
  assertEquals([bench.errorCount(), bench.classes()], [2, ["unmap_direction", "unmap_direction"]]);
});

Deno.test("row 1: a list that is not mapped, or no longer, is reported once", () => {
  for (const options of [{}, DIRECT]) {
    const bench = listBench(TWO, options);
    bench.unmapList();
    assertEquals(bench.classes(), ["unmap_unknown"]);
    bench.mapList();
    bench.unmapList();
    bench.unmapList();
    assertEquals(bench.classes(), ["unmap_unknown"]);
  }
});

Deno.test("row 22: of a bidirectional list the entries are not compared at a sync (dma.md 8.2)", () => {
  const { classes, dev, list, machine: { dma } } = listBench([[0x10_0000, 0x1000]]);
  dma.dmaMapSg(dev, list, DMA_BIDIRECTIONAL);
  dma.dmaSyncSgForDevice(dev, list, DMA_BIDIRECTIONAL, 2);
  assertEquals(classes(), []);
});

Deno.test("row 23: an entry longer than the device's longest segment (dma.md 8.2)", () => {
  const bench = listBench([[0x10_0000, 0x2000], [0x20_0000, 0x1000]], {
    device: { maxSegmentSizeBytes: 0x1000 },
  });
  bench.mapList();
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.rule, others], ["segment_too_long", "dma.8.2.23", []]);
  assertMatch(report!.text, /^An entry of 8192 bytes at physical 0x10_0000 .* 4096 bytes$/);
  const refused = listBench([[0x10_0000, 0x2000]], { device: { maxSegmentSizeBytes: 0x1000 } });
  refused.machine.armInjection(new ArmedInjection(INJECTION.dma_map_sg));
  refused.mapList();
  assertEquals(refused.reports(), [], "a list that is not mapped");
});

Deno.test("row 24: an output that crosses the device's boundary (dma.md 8.2)", () => {
  const bench = listBench([[4 * GIB - 0x800, 0x1000]], {
    ...DIRECT,
    machine: { ramSizeBytes: 8 * GIB },
  });
  bench.mapList();
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, others], ["segment_boundary", []]);
  assertMatch(report!.text, /crosses 0x1_0000_0000; its segment boundary is/);
});

Deno.test("row 23: exactly the longest segment is no longer than it (dma.md 8.2)", () => {
  for (const [sizeBytes, reports] of [[0xfff, 0], [0x1000, 0], [0x1001, 1]] as const) {
    const bench = listBench([[0x10_0000, sizeBytes]], { device: { maxSegmentSizeBytes: 0x1000 } });
    bench.mapList();
    assertEquals(bench.classes().length, reports);
  }
});

Deno.test("each output of a list is held to all lines of its own first entry (dma.md 2.2)", () => {
  const run = (entry: number) => {
    const bench = listBench([[0x10_0000, 0x40], [0x20_0000, 0x1000]], {
      device: { coherent: false },
      iommu: { mode: "off" },
    });
    bench.map(entry, 0x40, DMA_FROM_DEVICE);
    bench.mapList();
    return bench.classes();
  };
  assertEquals(run(0x20_0fc0), ["cacheline_shared"], "the last line of the second entry");
  assertEquals([run(0x20_1000), run(0x10_0040)], [[], []], "behind the entries");
});

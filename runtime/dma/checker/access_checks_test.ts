import { assertEquals, assertMatch } from "@std/assert";
import { DMA_TO_DEVICE } from "../attributes.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at } from "../testing.ts";
import { checkerBench } from "./_bench.ts";

Deno.test("a device that stays inside its buffers is never reported", () => {
  const bench = checkerBench();
  const { machine: { dma }, dev } = bench;
  const mapped = bench.map(0x10_0200, 0x1200);
  const list = new Scatterlist([{ phys: at(0x20_0000), sizeBytes: 0x3000 }]);
  dma.dmaMapSg(dev, list, DMA_TO_DEVICE);
  const memory = dma.dmaAllocCoherent(dev, 0x1000)!;
  bench.read(mapped, 0x1200);
  bench.read(list.dmaAddressAt(0) + 0xfff, 2);
  bench.read(memory.dma, 0x1000);
  assertEquals(bench.classes(), []);
});

Deno.test("an access across two buffers side by side is inside", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x2000);
  bench.link(0x10_0000, 0, 0x1000);
  bench.sync(0, 0x1000);
  bench.machine.events.context.site = 3;
  bench.link(0x20_0000, 0x1000, 0x1000);
  bench.sync(0x1000, 0x1000);
  assertEquals(bench.machine.checker!.records, 3);
  bench.read(bench.state.addr + 0x800, 0x1000);
  assertEquals(bench.classes(), []);
});

Deno.test("what leaked is no buffer any more, though the device still reaches it, as it may have before", () => {
  for (const isRead of [false, true]) {
    const bench = checkerBench();
    bench.tryAlloc(0, 0x1000);
    bench.link(0x10_0000, 0, 0x1000);
    bench.sync(0, 0x1000);
    if (isRead) bench.read(bench.state.addr, 16);
    bench.free();
    bench.read(bench.state.addr, 16);
    assertEquals(bench.classes(), ["free_while_linked", "device_outside_buffer"]);
  }
});

Deno.test("a stale IOTLB entry is one hazard, and names who made the mapping (dma.md 5.3)", () => {
  const bench = checkerBench({ iommu: { mode: "lazy" } });
  bench.machine.events.context.site = 1;
  const mapped = bench.map(0x10_0000, 0x1000);
  bench.read(mapped, 16);
  bench.machine.events.context.site = 2;
  bench.unmap(mapped, 0x1000);
  bench.machine.events.context.site = 3;
  assertEquals(bench.read(mapped, 16), true);
  const [report, ...others] = bench.reports();
  assertEquals(
    [report?.class, report?.first_site, report?.second_site, report?.beyond_kernel, others],
    ["stale_iotlb_access", 1, 3, true, []],
  );
  assertMatch(
    report!.text,
    /after the unmap of the mapping of 4096 bytes at 0xffff_f000: unmapped /,
  );
});

Deno.test("a fault is reported as a missing sync where the IOTLB caches the not-present entry (dma.md 3.6 row 6, 5.2)", () => {
  const bench = checkerBench({ iommu: { cachingMode: true } });
  bench.tryAlloc(0, 0x2000);
  assertEquals(bench.read(bench.state.addr, 4), false);
  assertEquals(bench.classes(), []);
  bench.link(0x10_0000, 0, 0x2000);
  assertEquals(bench.read(bench.state.addr, 4), false);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, others], ["sync_missing", []]);
  assertMatch(
    report!.text,
    /the IOTLB caches the not-present entry \(caching mode\), so the access faults$/,
  );
  bench.sync(0, 0x2000);
  assertEquals(bench.read(bench.state.addr, 4), true);
  assertEquals(bench.classes(), []);
});

Deno.test("a mapping reported as adjacent to an access lies in the same granule, to the byte", () => {
  const beside = (phys: number, sizeBytes: number): string => {
    const bench = checkerBench();
    bench.tryAlloc(0, 0x3000);
    // The middle granule is mapped whole through its first bytes.
    bench.link(0x10_1000, 0x1000, 0x10);
    bench.sync(0x1000, 0x10);
    const mapped = bench.map(phys, sizeBytes);
    bench.read(mapped + sizeBytes, 1);
    const [report] = bench.reports();
    assertEquals(report?.class, "device_outside_buffer");
    return report!.text.replace(/^.*IOMMU granule with /, "").replace(/ at 0x.*$/, "");
  };
  assertEquals(beside(0x20_0000, 0x800), "the mapping of 2048 bytes");
  assertEquals(beside(0x20_0ff0, 0x8), "the mapping of 8 bytes");
  assertEquals(beside(0x20_0000, 0xfff), "the mapping of 4095 bytes");
});

Deno.test("of two buffers in neighbouring granules the one in the granule of the access is reported", () => {
  for (const newestFirst of [false, true]) {
    const bench = checkerBench();
    // One range of two granules, each mapped whole through a part of it.
    bench.tryAlloc(0, 0x2000);
    const links = [[0x10_0000, 0, 0x1000], [0x20_0000, 0x1000, 0x20]] as const;
    for (const [phys, offset, sizeBytes] of newestFirst ? links.toReversed() : links) {
      bench.link(phys, offset, sizeBytes);
      bench.sync(offset, sizeBytes);
    }
    bench.read(bench.state.addr + 0x1020, 1);
    const [report] = bench.reports();
    assertMatch(report!.text, /granule with .*32 bytes/);
  }
});

Deno.test("without an IOMMU an access after the unmap is told with the mapping that has ended", () => {
  const bench = checkerBench({ iommu: { mode: "off" } });
  const mapped = bench.map(0x10_0000, 0x1000);
  bench.unmap(mapped, 0x1000);
  bench.read(mapped + 0x10, 16);
  const [report] = bench.reports();
  assertMatch(report!.text, /the mapping of 4096 bytes at 0x10_0000 has ended/);
});

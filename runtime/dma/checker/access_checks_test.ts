import { assertEquals, assertMatch } from "@std/assert";
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at } from "../testing.ts";
import { checkerBench, DIRECT } from "./_bench.ts";

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

Deno.test("the rest of a buffer's granules is no buffer: device_outside_buffer (dma.md 1.6)", () => {
  const bench = checkerBench();
  bench.machine.events.context.site = 2;
  const mapped = bench.map(0x10_0200, 0x400);
  bench.machine.events.context.site = 5;
  bench.read(mapped - 1, 1);
  bench.read(mapped + 0x3ff, 2);
  bench.read(mapped + 0x400, 1);
  const reports = bench.reports();
  assertEquals(reports.map((report) => report.class), [
    "device_outside_buffer",
    "device_outside_buffer",
    "device_outside_buffer",
  ]);
  assertEquals(
    reports.map(({ first_site, second_site, beyond_kernel }) => [
      first_site,
      second_site,
      beyond_kernel,
    ]),
    [[2, 5, true], [2, 5, true], [2, 5, true]],
  );
  assertMatch(
    reports[1]!.text,
    /reads 2 bytes at 0xffff_f5ff, from 0xffff_f600 on outside every mapped buffer: they share an IOMMU granule with the mapping of 1024 bytes/,
  );
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

Deno.test("memory that padding maps after an entry is outside (dma.md 7.2)", () => {
  const bench = checkerBench({ device: { segmentBoundaryMask: 0xffff } });
  const list = new Scatterlist([
    { phys: at(0x10_0000), sizeBytes: 0x6000 },
    { phys: at(0x20_0000), sizeBytes: 0x6000 },
    { phys: at(0x30_0000), sizeBytes: 0x6000 },
  ]);
  bench.machine.dma.dmaMapSg(bench.dev, list, DMA_TO_DEVICE);
  const end = list.dmaAddressAt(0) + list.dmaLengthAt(0);
  assertEquals(bench.read(end, 16), true);
  const [report] = bench.reports();
  assertEquals(report?.class, "device_outside_buffer");
  assertMatch(
    report!.text,
    /no live mapping covers them, but their page-table entries are still present$/,
  );
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

Deno.test("a device without translation reaches everything, and is held to its mappings as behind an IOMMU", () => {
  const bench = checkerBench(DIRECT);
  const classes = (access: () => void) => {
    access();
    return bench.classes();
  };
  const outside = ["device_outside_buffer"];
  assertEquals(classes(() => bench.write(0x10_0200, 16)), outside, "before the map");
  const dma = bench.map(0x10_0200, 0x400, DMA_FROM_DEVICE);
  assertEquals(classes(() => bench.write(dma, 0x400)), []);
  assertEquals(classes(() => bench.write(dma + 0x3f0, 32)), outside, "beyond its end");
  assertEquals(classes(() => bench.read(0x10_0000, 16)), outside, "beside it");
  assertEquals(classes(() => bench.read(dma, 16)), ["device_direction"]);
  bench.unmap(dma, 0x400, DMA_FROM_DEVICE);
  bench.write(dma, 16);
  const [report] = bench.reports();
  assertMatch(
    report!.text,
    /has ended, but nothing is translated, so nothing stops the device, and no kernel sees it$/,
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

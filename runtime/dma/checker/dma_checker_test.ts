import { assertEquals, assertMatch } from "@std/assert";
import { type DmaAddr, GIB, MIB } from "../../address.ts";
import { swiotlbConfig } from "../../machine_config.ts";
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { DmaDevice } from "../device/device.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at, testBench, type TestBenchOptions } from "../testing.ts";
import { checkerBench, DIRECT } from "./_bench.ts";
import { REPORT_CLASSES } from "./report_classes.ts";

Deno.test("a machine whose checker is off has none", () => {
  const { machine, dev, fields } = testBench({ machine: { checker: "off" } });
  assertEquals(machine.checker, null);
  const dma = machine.dma.dmaMapPhys(dev, at(0x1000), 4096, DMA_TO_DEVICE);
  machine.dma.dmaUnmapPhys(dev, dma, 2048, DMA_FROM_DEVICE);
  assertEquals([fields("dma.report"), dev.checked, machine.dma.unbind(dev)], [[], null, 0]);
});

Deno.test("row 25: mappings that are left at unbind, all in one report with one example (dma.md 8.2)", () => {
  const bench = checkerBench();
  const { machine: { dma }, dev } = bench;
  bench.machine.events.context.site = 4;
  bench.map(0x10_0000, 0x1000);
  bench.machine.events.context.site = 5;
  bench.map(0x20_0000, 0x1000);
  dma.dmaMapSg(dev, new Scatterlist([{ phys: at(0x30_0000), sizeBytes: 64 }]), DMA_TO_DEVICE);
  dma.dmaAllocCoherent(dev, 0x1000);
  assertEquals(dma.unbind(dev), 4);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.rule, report?.first_site, others], [
    "leak_at_unbind",
    "dma.8.2.25",
    4,
    [],
  ]);
  assertMatch(
    report!.text,
    /4 live mappings \(2 single, 1 of lists, 1 of shared memory\); one is the mapping of 4096 bytes at 0xffff_f000/,
  );
  assertEquals([bench.errorCount(), bench.machine.checker!.records], [1, 0]);
});

Deno.test("several mappings that a driver leaves are counted by kind, one alone is not (dma.md 8.2)", () => {
  for (const [count, kinds] of [[1, ""], [2, " (2 single)"]] as const) {
    const bench = checkerBench();
    for (let page = 0; page < count; page++) bench.map(page << 20, 0x1000);
    bench.machine.dma.unbind(bench.dev);
    const text = bench.reports()[0]!.text;
    assertEquals(/\d live mappings?([^;:]*)/.exec(text)?.[1], kinds, text);
  }
});

Deno.test("several devices may have the same address mapped", () => {
  const bench = checkerBench();
  const { machine } = bench;
  const { dma } = machine;
  const one = bench.map(0x10_0000, 0x1000);
  const others = ["b", "c", "d", "e"].map((name) => {
    const other = new DmaDevice(name);
    machine.iommu.attach(other);
    const mapped = dma.dmaMapPhys(other, at(0x20_0000), 0x800, DMA_FROM_DEVICE);
    assertEquals(mapped, one);
    dma.dmaMappingError(other, mapped);
    return other;
  });
  bench.unmap(one, 0x1000);
  for (const other of others) dma.dmaUnmapPhys(other, one, 0x800, DMA_FROM_DEVICE);
  assertEquals(bench.classes(), []);
});

Deno.test("a driver for which dma_need_unmap() is false leaves its mappings (dma.md 1.7)", () => {
  const bench = checkerBench(DIRECT);
  const { machine: { dma }, dev } = bench;
  const before = bench.map(0x10_0000, 0x1000);
  assertEquals(dma.dmaNeedUnmap(dev), false);
  bench.map(0x20_0000, 0x1000);
  // The first mapping needs no unmap. The second was made later and needs one. Unmapping the first
  // mapping is permitted all the same.
  assertEquals(bench.machine.checker!.leftSince(0).length, 1);
  bench.unmap(before, 0x1000);
  assertEquals([dma.unbind(dev), bench.classes()], [1, ["leak_at_unbind"]]);
});

Deno.test("with DMA debugging every mapping needs its unmap (dma.md 8.2)", () => {
  const bench = checkerBench({ ...DIRECT, machine: { dmaDebug: true } });
  const { machine: { dma }, dev } = bench;
  bench.map(0x10_0000, 0x1000);
  assertEquals(dma.dmaNeedUnmap(dev), true);
  assertEquals(dma.unbind(dev), 1);
});

Deno.test("DMA debugging syncs although the device needs none, and refuses device memory by page (dma.md 8.2)", () => {
  const window = { name: "bar", basePhys: at(0xf000_0000), sizeBytes: MIB, type: "mmio" as const };
  const run = (dmaDebug: boolean) => {
    const bench = checkerBench({
      ...DIRECT,
      machine: { dmaDebug, ramSizeBytes: 8 * GIB, regions: [window] },
      device: { maskBits: 32 },
    });
    const { machine: { dma }, dev } = bench;
    const bounced = bench.map(5 * GIB, 64);
    dma.dmaSetMask(dev, 32);
    bench.forget();
    dma.dmaSyncSingleForDevice(dev, bounced, 64, DMA_TO_DEVICE);
    const copies = bench.names("swiotlb.copy").length;
    const page = dma.dmaMapPage(dev, at(0xf000_0000), 0, 64, DMA_TO_DEVICE);
    return [copies, page];
  };
  assertEquals(run(false), [0, 0xf000_0000]);
  assertEquals(run(true), [1, -1]);
});

Deno.test("mappings that need no unmap are dropped from the records rather than kept for ever", () => {
  const bench = checkerBench(DIRECT);
  const { machine: { dma, checker }, dev } = bench;
  for (let round = 0; round < 20_000; round++) {
    bench.map(0x10_0000 + round * 4096, 4096);
    dma.dmaNeedUnmap(dev);
  }
  assertEquals(checker!.records <= 256, true);
  assertEquals(checker!.heldBytes < 20_000, true);
  // A forgotten mapping may still be unmapped or synced without a report.
  bench.unmap(0x10_0000 as DmaAddr, 4096);
  dma.dmaSyncSingleForDevice(dev, at(0x10_0000) as number as DmaAddr, 64, DMA_TO_DEVICE);
  assertEquals([dma.unbind(dev), bench.classes()], [0, []]);
});

Deno.test("errorCount begins at 0 when devices are up", () => {
  const bench = checkerBench();
  bench.unmap(0x7000 as DmaAddr, 64);
  assertEquals(bench.errorCount(), 1);
  bench.machine.markReady();
  assertEquals(bench.errorCount(), 0);
});

Deno.test("memory of a provider without a pool is reported as the crash that it is (p2p.md 9.5)", () => {
  const bench = checkerBench();
  bench.machine.checker!.peers.withoutPool("gpu");
  assertEquals(bench.reports().map(({ class: name, text }) => [name, text]), [[
    "peer_memory_without_pool",
    'Allocation of P2P memory of "gpu", whose pool was initialised but never given memory: the ' +
    "kernel dereferences a null pointer",
  ]]);
});

Deno.test("what DMA debugging prints has the words of a kernel's log beside ours (traces.md T.52, T.53)", () => {
  const bench = checkerBench({
    iommu: { mode: "off" },
    machine: { dmaDebug: true, swiotlb: swiotlbConfig({ force: true, sizeBytes: 2 ** 20 }) },
  });
  const mapped = bench.map(0x10_0000, 0x1000);
  bench.unmap(mapped, 0x800);
  bench.machine.dma.dmaMapPhys(bench.dev, at(0x20_0000), 2 ** 20, DMA_TO_DEVICE);
  assertEquals(bench.fields("kernel.warn").map(({ at, log }) => [at, log]), [
    ["dma_debug", "device driver frees DMA memory with different size"],
    [
      "swiotlb_full",
      "swiotlb buffer is full (sz: 1048576 bytes), total 512 (slots), used 0 (slots)",
    ],
  ]);
});

Deno.test("a class that DMA debugging counts has words in a log, but for those that no log has shown", () => {
  const silent = Object.entries(REPORT_CLASSES)
    .filter(([, { counted, log }]) => counted && log === null).map(([name]) => name);
  assertEquals(silent, ["mmio_is_ram"]);
});

Deno.test("what is left since a record is told with its granules, the oldest first (dma.md 8.2)", () => {
  const left = (options: TestBenchOptions) => {
    const bench = checkerBench(options);
    const checker = bench.machine.checker!;
    bench.map(0x10_0200, 0x100);
    const before = checker.lastSerial;
    bench.machine.events.context.site = 7;
    bench.map(0x20_0f00, 0x200);
    bench.tryAlloc(0, 0x2800);
    bench.machine.dma.dmaAllocCoherent(bench.dev, 0x1000);
    return checker.leftSince(before);
  };
  const mapping = { kind: "mapping", device: "dev", site: 7, phys: 0x20_0f00, isBare: false };
  const text = (dma: string) =>
    `mapping of 512 bytes at ${dma} (physical 0x20_0f00, to_device, dma_map_phys()), not unmapped`;
  assertEquals<unknown>(left({}), [
    {
      ...{ ...mapping, dma: 0xffff_cf00, start: 0xffff_c000, end: 0xffff_e000 },
      text: text("0xffff_cf00"),
    },
    {
      ...{ kind: "range", device: "dev", site: 7, phys: null, isBare: false, dma: 0xffff_8000 },
      ...{ start: 0xffff_8000, end: 0xffff_b000 },
      text: "IOVA range of 10240 bytes at 0xffff_8000, not freed",
    },
  ]);
  assertEquals<unknown>(left(DIRECT), [
    {
      ...mapping,
      isBare: true,
      dma: 0x20_0f00,
      start: 0x20_0f00,
      end: 0x20_1100,
      text: text("0x20_0f00"),
    },
  ]);
});

Deno.test("of mappings at one address each question is about the newest that none was about (dma.md 8.2)", () => {
  for (const questions of [0, 1, 2, 3]) {
    const { dev, machine: { dma }, reports } = checkerBench(DIRECT);
    const address = 0x10_0000 as DmaAddr;
    for (const sizeBytes of [8, 16, 24]) {
      dma.dmaMapPhys(dev, at(address), sizeBytes, DMA_TO_DEVICE, 0);
    }
    const other = dma.dmaMapPhys(dev, at(0x20_0000), 32, DMA_TO_DEVICE, 0);
    for (let times = 0; times < questions; times++) dma.dmaMappingError(dev, address);
    for (const sizeBytes of [8, 16, 24]) {
      dma.dmaUnmapPhys(dev, address, sizeBytes, DMA_TO_DEVICE, 0);
    }
    dma.dmaUnmapPhys(dev, other, 32, DMA_TO_DEVICE, 0);
    const untested = reports().map(({ class: kind, text }) =>
      `${kind} ${/\d+ bytes/.exec(text)?.[0]}`
    );
    const expected = [8, 16, 24].map((sizeBytes) => `error_unchecked ${sizeBytes} bytes`);
    assertEquals(untested, [...expected.slice(0, 3 - questions), "error_unchecked 32 bytes"]);
  }
});

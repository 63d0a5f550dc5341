import { swiotlbConfig } from "../machine_config.ts";
import { assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, type DmaAddr, GIB, type PhysAddr } from "../address.ts";
import { ERRNO } from "../errno.ts";
import type { PeerMapType } from "../vocabulary/shared_words.ts";
import { DMA_ATTR, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "./attributes.ts";
import { APART, Scatterlist } from "./scatterlist.ts";
import { at, testBench, type TestBenchOptions } from "./testing.ts";

function mapped(
  segments: readonly (readonly [number, number])[],
  options: TestBenchOptions = {},
) {
  const bench = testBench(options);
  const list = new Scatterlist(
    segments.map(([phys, sizeBytes]) => ({ phys: at(phys), sizeBytes })),
  );
  const count = bench.machine.dma.dmaMapSg(bench.dev, list, DMA_TO_DEVICE);
  const outputs = list.mapped().map(({ dma, sizeBytes }) => [dma as number, sizeBytes]);
  return { ...bench, list, count, outputs };
}

const boundary = (segmentBoundaryMask: number, maxSegmentSizeBytes = 65536) => ({
  device: { segmentBoundaryMask, maxSegmentSizeBytes },
});

Deno.test("dma_map_sg() joins what starts on a granule (dma.md ch. 7 assertion 1)", () => {
  const { outputs } = mapped([[0x10000, 0x1000], [0x20000, 0x1000], [0x30200, 0x600]]);
  assertEquals(outputs, [[0xffff_c000, 0x2000], [0xffff_e200, 0x600]]);
});

Deno.test("dma_map_sg() joins nothing behind a part of a granule (dma.md ch. 7 assertion 2)", () => {
  const { outputs } = mapped([
    [0x10200, 0xe00],
    [0x20000, 0x1000],
    [0x30000, 0x800],
    [0x40000, 0x1000],
  ]);
  assertEquals(outputs, [[0xffff_c200, 0x2600], [0xffff_f000, 0x1000]]);
});

Deno.test("dma_map_sg() keeps outputs below the longest segment (dma.md ch. 7 assertion 3)", () => {
  const { outputs } = mapped([[0x10_0000, 0x1_0000], [0x20_0000, 0x8000]]);
  assertEquals(outputs, [[0xfffe_0000, 0x1_0000], [0xffff_0000, 0x8000]]);
});

Deno.test("dma_map_sg() pads an entry that would cross a boundary (dma.md ch. 7 assertion 4)", () => {
  const segments = [[0x10_0000, 0x6000], [0x20_0000, 0x6000], [0x30_0000, 0x6000]] as const;
  const { outputs, list } = mapped(segments, boundary(0xffff));
  assertEquals(outputs, [[0xfffe_0000, 0xc000], [0xffff_0000, 0x6000]]);
  assertEquals(list.segments().map(({ phys, sizeBytes }) => [phys, sizeBytes]), segments as never);
});

Deno.test("each output knows what keeps it apart from the one before (dma.md 7.2 step 5)", () => {
  const aparts = (segments: readonly (readonly [number, number])[], options?: TestBenchOptions) => {
    const { list } = mapped(segments, options);
    return list.mapped().map((_, index) => list.apartAt(index));
  };
  assertEquals(
    aparts([[0x10000, 0x1000], [0x20000, 0x1000], [0x30200, 0x600]]),
    [APART.UNJOINED, APART.STARTS_INSIDE],
  );
  assertEquals(
    aparts([[0x10200, 0xe00], [0x20000, 0x1000], [0x30000, 0x800], [0x40000, 0x1000]]),
    [APART.UNJOINED, APART.HOLE_BEFORE],
  );
  assertEquals(
    aparts([[0x10_0000, 0x1_0000], [0x20_0000, 0x8000]]),
    [APART.UNJOINED, APART.LONGEST],
  );
  assertEquals(
    aparts(
      [[0x10_0000, 0x8000], [0x20_0000, 0x8000], [0x30_0000, 0x4000]],
      boundary(0xffff, 2 ** 20),
    ),
    [APART.UNJOINED, APART.BOUNDARY],
  );
});

Deno.test("a cleared list has no entry, no output, and no mark (dma.md 7.2)", () => {
  const { list } = mapped([[0x10000, 0x1000], [0x30200, 0x600]]);
  assertEquals([list.count, list.outputs], [2, 2]);
  list.clear();
  assertEquals([list.count, list.outputs, list.bounced, list.mapped()], [0, 0, false, []]);
  const again = mapped([[0x10000, 0x1000]]);
  again.machine.dma.dmaUnmapSg(again.dev, again.list, DMA_TO_DEVICE);
  assertEquals([again.list.count, again.list.outputs], [1, 0]);
});

Deno.test("dma_map_sg() joins nothing at a boundary (dma.md ch. 7 assertion 5)", () => {
  const { outputs } = mapped(
    [[0x10_0000, 0x8000], [0x20_0000, 0x8000], [0x30_0000, 0x4000]],
    boundary(0xffff, 2 ** 20),
  );
  assertEquals(outputs, [[0xfffe_0000, 0x1_0000], [0xffff_0000, 0x4000]]);
});

Deno.test("dma_map_sg() without translation joins nothing, and all fails when one entry does (dma.md ch. 7 assertion 6)", () => {
  const direct: TestBenchOptions = {
    iommu: { mode: "off" },
    device: { maskBits: 32 },
    machine: { ramSizeBytes: 8 * GIB, swiotlb: swiotlbConfig({ sizeBytes: 0 }) },
  };
  const three = mapped([[0x1000, 0x1000], [0x2000, 0x1000], [0x9000, 0x200]], direct);
  assertEquals(three.outputs, [[0x1000, 0x1000], [0x2000, 0x1000], [0x9000, 0x200]]);
  const failed = mapped([[0x1000, 0x1000], [4 * GIB, 0x1000], [0x9000, 0x200]], direct);
  assertEquals(failed.count, 0);
  assertEquals(failed.dev.mappings, 0);
  assertEquals(failed.list.dmaAddressAt(0), DMA_MAPPING_ERROR);
  const { machine, dev, list } = failed;
  assertEquals(machine.dma.dmaMapSgtable(dev, list, DMA_TO_DEVICE), -ERRNO.EIO);
});

Deno.test("dma_map_sg() leaves every entry's offset and length as they were (dma.md ch. 7 assertion 7)", () => {
  const lists: [segments: [number, number][], options?: TestBenchOptions][] = [
    [[[0x10000, 0x1000], [0x20000, 0x1000], [0x30200, 0x600]]],
    [[[0x10200, 0xe00], [0x20000, 0x1000], [0x30000, 0x800], [0x40000, 0x1000]]],
    [[[0x10_0000, 0x1_0000], [0x20_0000, 0x8000]]],
    [[[0x10_0000, 0x6000], [0x20_0000, 0x6000], [0x30_0000, 0x6000]], boundary(0xffff)],
    [
      [[0x10_0000, 0x8000], [0x20_0000, 0x8000], [0x30_0000, 0x4000]],
      boundary(0xffff, 2 ** 20),
    ],
  ];
  for (const [segments, options] of lists) {
    const { list, machine, dev } = mapped(segments, options);
    const entries = () =>
      list.segments().map(({ phys, sizeBytes }): [number, number] => [phys, sizeBytes]);
    assertEquals(entries(), segments);
    machine.dma.dmaUnmapSg(dev, list, DMA_TO_DEVICE);
    assertEquals(entries(), segments);
  }
});

Deno.test("dma_map_sgtable() returns the kernel's codes (dma.md 1.8)", () => {
  const full = testBench({ device: { maskBits: 12 } });
  const list = new Scatterlist([{ phys: at(0x1000), sizeBytes: 16 }]);
  assertEquals(full.machine.dma.dmaMapSgtable(full.dev, list, DMA_TO_DEVICE), -ERRNO.ENOMEM);
  const incoherent = testBench({ device: { coherent: false } });
  const attrs = DMA_ATTR.REQUIRE_COHERENT;
  const map = () =>
    incoherent.machine.dma.dmaMapSgtable(incoherent.dev, list, DMA_TO_DEVICE, attrs);
  assertEquals(map(), -ERRNO.EOPNOTSUPP);
  assertEquals(incoherent.machine.dma.dmaMapSg(incoherent.dev, list, DMA_TO_DEVICE, attrs), 0);
  const fine = testBench();
  assertEquals(fine.machine.dma.dmaMapSgtable(fine.dev, list, DMA_TO_DEVICE), 0);
});

Deno.test("an untrusted device's list is mapped entry by entry and bounced (dma.md 7.2)", () => {
  const { machine, dev, list, outputs, fields } = mapped(
    [[0x10000, 0x1000], [0x20000, 0x1000], [0x30200, 0x600]],
    { device: { untrusted: true, minAlignMask: 0xfff } },
  );
  assertEquals(outputs, [[0xffff_f000, 0x1000], [0xffff_e000, 0x1000], [0xffff_d200, 0x600]]);
  assertEquals(fields("dma.map").map(({ path }) => path), ["iommu", "iommu", "swiotlb"]);
  machine.dma.dmaSyncSgForCpu(dev, list, DMA_FROM_DEVICE);
  machine.dma.dmaSyncSgForDevice(dev, list, DMA_TO_DEVICE);
  // Only the third entry is bounced, so this sync of the first two entries copies nothing.
  machine.dma.dmaSyncSgForDevice(dev, list, DMA_TO_DEVICE, 2);
  assertEquals(fields("swiotlb.copy").map(({ direction }) => direction), ["in", "out", "in"]);
  machine.dma.dmaUnmapSg(dev, list, DMA_TO_DEVICE);
  assertEquals(machine.swiotlb.usedSlots, 0);
  assertEquals(machine.iommu.liveMappings, 0);
});

Deno.test("peer memory is a bus address, RAM-like across the host bridge, or refused (dma.md 7.1, 7.3)", () => {
  const window = { name: "peer", basePhys: at(0xf000_0000), sizeBytes: 0x10000 };
  const run = (type: PeerMapType) => {
    const bench = testBench({ machine: { windows: [window], ramSizeBytes: 2 ** 31 } });
    bench.machine.peers = {
      unmappedEnd: () => -1,
      isPeerMemory: () => true,
      providerAt: () => "peer",
      passesRoot: () => true,
      mapType: () => type,
      busAddress: (phys: PhysAddr) => phys + 0x10 as DmaAddr,
      resolveBusAddress: () => -1,
    };
    const list = new Scatterlist([
      { phys: at(0x1000), sizeBytes: 0x1000 },
      { phys: at(0xf000_0000), sizeBytes: 0x1000 },
      { phys: at(0x5000), sizeBytes: 0x1000 },
    ]);
    const result = bench.machine.dma.dmaMapSgtable(bench.dev, list, DMA_TO_DEVICE);
    const paths = bench.fields("dma.map").map(({ dma, path }) => [dma as number, path]);
    if (result === 0) bench.machine.dma.dmaUnmapSg(bench.dev, list, DMA_TO_DEVICE);
    assertEquals(bench.fields("dma.unmap").map(({ path }) => path), paths.map(([, path]) => path));
    return { result, paths };
  };
  assertEquals(run("bus_addr"), {
    result: 0,
    paths: [[0xffff_e000, "iommu"], [0xf000_0010, "bus"], [0xffff_f000, "iommu"]],
  });
  assertEquals(run("thru_host_bridge"), { result: 0, paths: [[0xffff_c000, "iommu"]] });
  assertEquals(run("not_supported"), { result: -ERRNO.EREMOTEIO, paths: [] });
});

Deno.test("an output that is taken away is no bus address any more (p2p.md 9.3)", () => {
  const list = new Scatterlist([{ phys: at(0x10_0000), sizeBytes: 4096 }]);
  list.setBusOutput(0, at(0x10_0000), 0x9000 as DmaAddr, 4096);
  assertEquals([list.isBusAddressAt(0), list.busMarkAt(0)], [true, "dma_flags"]);
  list.clearOutputs(0);
  assertEquals([list.isBusAddressAt(0), list.busMarkAt(0)], [false, null]);
});

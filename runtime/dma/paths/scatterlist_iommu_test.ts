import { assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, type DmaAddr, KIB, type PhysAddr } from "../../address.ts";
import { ERRNO } from "../../errno.ts";
import { KERNEL_NAMES } from "../../kernels/behaviours.ts";
import type { KernelName } from "../../kernels/kernels.ts";
import type { PeerMapType } from "../../vocabulary/shared_words.ts";
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at, type TestBench, testBench, type TestBenchOptions } from "../testing.ts";

type Part = readonly [phys: number, sizeBytes: number];

const listOf = (...parts: Part[]) =>
  new Scatterlist(parts.map(([phys, sizeBytes]) => ({ phys: at(phys), sizeBytes })));
const partsOf = (list: Scatterlist) =>
  list.segments().map(({ phys, sizeBytes }) => [phys as number, sizeBytes]);
const outputsOf = (list: Scatterlist) =>
  list.mapped().map(({ dma, sizeBytes }) => [dma as number, sizeBytes]);

function map(bench: TestBench, list: Scatterlist): number {
  return bench.machine.dma.dmaMapSgtable(bench.dev, list, DMA_TO_DEVICE);
}

/** Peer memory at 0xf000_0000, of a kind that may change. */
function withPeer(
  options: TestBenchOptions = {},
): { bench: TestBench; peer: { kind: PeerMapType } } {
  const window = { name: "peer", basePhys: at(0xf000_0000), sizeBytes: 0x10000 };
  const bench = testBench({
    ...options,
    machine: { windows: [window], ramSizeBytes: 2 ** 31, ...options.machine },
  });
  const peer = { kind: "none" as PeerMapType };
  bench.machine.peers = {
    unmappedEnd: () => -1,
    isPeerMemory: () => true,
    providerAt: () => "peer",
    passesRoot: () => true,
    mapType: () => peer.kind,
    busAddress: (phys: PhysAddr) => phys + 0x10 as DmaAddr,
    resolveBusAddress: () => -1,
  };
  return { bench, peer };
}

Deno.test("a list that the page table refuses leaves neither leaves nor addresses (dma.md 7.2, 4)", () => {
  const bench = testBench();
  const domain = bench.dev.domain!;
  const write = domain.map.bind(domain);
  domain.map = (iova, phys, sizeBytes, flags) =>
    phys === 0x3_0000 ? -ERRNO.ENXIO : write(iova, phys, sizeBytes, flags);
  const list = listOf([0x1_0000, 0x1000], [0x3_0000, 0x1000]);
  assertEquals(map(bench, list), -ERRNO.EINVAL);
  assertEquals(bench.names("iommu.map", "iommu.unmap", "iotlb.sync", "iova.free"), [
    "iommu.map",
    "iommu.unmap",
    "iotlb.sync",
    "iova.free",
  ]);
  assertEquals([list.outputs, list.dmaAddressAt(0)], [0, DMA_MAPPING_ERROR]);
  assertEquals(partsOf(list), [[0x1_0000, 0x1000], [0x3_0000, 0x1000]]);
  domain.map = () => -ERRNO.ENOMEM;
  assertEquals(map(bench, list), -ERRNO.ENOMEM);
  assertEquals([bench.dev.mappings, bench.machine.iommu.liveMappings], [0, 0]);
});

Deno.test("an empty list is no success, and said once (dma.md 1.8)", () => {
  const bench = testBench();
  assertEquals(map(bench, listOf()), -ERRNO.EIO);
  assertEquals(map(bench, listOf()), -ERRNO.EIO);
  assertEquals(bench.fields("kernel.warn").length, 1);
  assertEquals([bench.dev.mappings, bench.machine.iommu.liveMappings], [0, 0]);
});

Deno.test("a refused peer reserves nothing and restores the list (p2p.md ch. 9 assertion 7)", () => {
  const { bench, peer } = withPeer();
  peer.kind = "not_supported";
  const parts: Part[] = [[0x1000, 0x1000], [0xf000_0000, 0x1000], [0x5000, 0x800]];
  const list = listOf(...parts);
  assertEquals(map(bench, list), -ERRNO.EREMOTEIO);
  assertEquals(bench.machine.dma.dmaMapSg(bench.dev, list, DMA_TO_DEVICE), 0);
  assertEquals(partsOf(list), parts as never);
  assertEquals(bench.names("iova.alloc"), []);
});

Deno.test("undoing a refusal trusts what an earlier map left in later entries (dma.md 7.2, hazards)", () => {
  const { bench, peer } = withPeer();
  const list = listOf([0x1000, 0x1000], [0xf000_0000, 0x800], [0x5000, 0x800]);
  map(bench, list);
  bench.machine.dma.dmaUnmapSg(bench.dev, list, DMA_TO_DEVICE);
  // Entries 0 and 1 became one output of 0x1800 bytes, which is stored in entry 0. Therefore entry
  // 1 contains the next output.
  assertEquals(list.dmaAddressAt(1), 0xffff_e000 as DmaAddr);
  peer.kind = "not_supported";
  assertEquals(map(bench, list), -ERRNO.EREMOTEIO);
  assertEquals(partsOf(list), [
    [0x1000, 0x1000],
    [0xf000_0000 + 0xffff_e000, 0x800],
    [0x5000, 0x800],
  ]);
  list.clear();
  list.add(at(0x1000), 0x1000);
  list.add(at(0xf000_0000), 0x800);
  assertEquals(map(bench, list), -ERRNO.EREMOTEIO);
  assertEquals(partsOf(list), [[0x1000, 0x1000], [0xf000_0000, 0x800]]);
});

Deno.test("an entry that was a peer's is memory's again in the next map (p2p.md 9.6)", () => {
  const { bench, peer } = withPeer();
  const list = listOf([0xf000_0000, 0x1000]);
  for (const [kind, isBus] of [["bus_addr", true], ["thru_host_bridge", false]] as const) {
    peer.kind = kind;
    assertEquals([map(bench, list), list.isBusAddressAt(0)], [0, isBus]);
    bench.machine.dma.dmaUnmapSg(bench.dev, list, DMA_TO_DEVICE);
  }
});

Deno.test("a list of nothing but bus addresses needs no range, and its unmap does nothing (p2p.md 9.6)", () => {
  const { bench, peer } = withPeer();
  peer.kind = "bus_addr";
  const list = listOf([0xf000_0000, 0x1000], [0xf000_4000, 0x1000]);
  assertEquals(map(bench, list), 0);
  assertEquals(outputsOf(list), [[0xf000_0010, 0x1000], [0xf000_4010, 0x1000]]);
  bench.machine.dma.dmaUnmapSg(bench.dev, list, DMA_TO_DEVICE);
  assertEquals(bench.names("iova.alloc", "iommu.map", "iommu.unmap", "kernel.warn"), []);
  assertEquals(list.isBusAddressAt(0), false);
});

Deno.test("an untrusted device's list fails as a whole, without copying out (dma.md 7.2)", () => {
  const bench = testBench({ device: { untrusted: true, minAlignMask: 0xfff } });
  const list = listOf([0x1_0200, 0x600], [0x2_0000, 0x1000], [0x3_0200, 300 * KIB]);
  assertEquals(
    bench.machine.dma.dmaMapSgtable(bench.dev, list, DMA_FROM_DEVICE),
    -ERRNO.EIO,
  );
  assertEquals(bench.fields("swiotlb.copy").map(({ direction }) => direction), ["in"]);
  assertEquals(bench.machine.swiotlb.usedSlots, 0);
  assertEquals(bench.names("iova.alloc").length, bench.names("iova.free").length);
});

Deno.test("syncing a list maintains its buffers' caches, whatever the device sees as one (dma.md 1.6)", () => {
  const parts: Part[] = [[0x1_0000, 0x1000], [0x3_0000, 0x1000]];
  const run = (coherent: boolean) => {
    const bench = testBench({ device: { coherent } });
    const list = listOf(...parts);
    bench.machine.dma.dmaMapSg(bench.dev, list, DMA_BIDIRECTIONAL);
    bench.forget();
    bench.machine.dma.dmaSyncSgForCpu(bench.dev, list, DMA_BIDIRECTIONAL);
    bench.machine.dma.dmaSyncSgForDevice(bench.dev, list, DMA_BIDIRECTIONAL);
    assertEquals(bench.fields("dma.sync").map(({ size_bytes }) => size_bytes), [0x2000, 0x2000]);
    const ranges = (name: "cache.clean" | "cache.invalidate") =>
      bench.fields(name).map(({ phys, size_bytes }) => [phys as number, size_bytes]);
    return [ranges("cache.invalidate"), ranges("cache.clean")];
  };
  assertEquals(run(false), [parts, parts] as never);
  assertEquals(run(true), [[], []]);
});

Deno.test("a small buffer that shares a cache line has all of its list mapped one by one (dma.md 7.2)", () => {
  const bench = testBench({ device: { coherent: false, minAlignMask: 0xfff } });
  const list = listOf([0x1_0000, 0x1000], [0x3_0040, 96]);
  assertEquals(bench.machine.dma.dmaMapSg(bench.dev, list, DMA_FROM_DEVICE), 2);
  assertEquals(bench.fields("dma.map").map(({ path }) => path), ["iommu", "swiotlb"]);
  bench.machine.dma.dmaUnmapSg(bench.dev, list, DMA_FROM_DEVICE);
  assertEquals(bench.fields("dma.unmap").map(({ path }) => path), ["iommu", "swiotlb"]);
  assertEquals(bench.machine.swiotlb.usedSlots, 0);
});

Deno.test("a padded length beyond 32 bits wraps and leaves pages mapped up to 7.3-rc7, and is refused by 7.3.4 (dma.md 7.2)", () => {
  const GIB = 2 ** 30;
  const tried = (kernel: KernelName, second: number) => {
    const bench = testBench({ machine: { kernel, quirks: null, ramSizeBytes: 16 * GIB } });
    const list = listOf([4 * GIB, 3 * GIB], [8 * GIB, second]);
    const answer = map(bench, list);
    assertEquals(partsOf(list), [[4 * GIB, 3 * GIB], [8 * GIB, second]]);
    return [answer, bench.names("iommu.map", "iommu.unmap", "iova.free"), bench.dev.mappings];
  };
  for (const kernel of KERNEL_NAMES) {
    const left = kernel === "7.3.4" ? [] : ["iommu.map", "iova.free"];
    assertEquals(tried(kernel, 2 * GIB), [-ERRNO.EINVAL, left, 0], kernel);
    assertEquals(tried(kernel, GIB)[0], 0, kernel);
  }
});

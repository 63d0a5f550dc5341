import { swiotlbConfig } from "../../machine_config.ts";
import { assertEquals } from "@std/assert";
import { type DmaAddr, GIB, KIB, type PhysAddr } from "../../address.ts";
import { ERRNO } from "../../errno.ts";
import type { PeerMapType } from "../../vocabulary/shared_words.ts";
import type { KernelProfile } from "../../kernels/behaviours.ts";
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at, testBench, type TestBenchOptions } from "../testing.ts";

type Part = readonly [phys: number, sizeBytes: number];

const listOf = (...parts: Part[]) =>
  new Scatterlist(parts.map(([phys, sizeBytes]) => ({ phys: at(phys), sizeBytes })));

/** Without translation, a device of 32 bits and memory it does not reach. */
const NARROW: TestBenchOptions = {
  iommu: { mode: "off" },
  device: { maskBits: 32 },
  machine: { ramSizeBytes: 8 * GIB },
};

Deno.test("a list's memory is its entries and the links between their tables", () => {
  const cost = (count: number) => {
    const list = new Scatterlist([], count);
    for (let index = 0; index < count; index++) list.add(at(0x1000 * index), 0x1000);
    return [list.tables, list.sizeBytes];
  };
  assertEquals(cost(1), [1, 32]);
  assertEquals(cost(128), [1, 4096]);
  assertEquals(cost(129), [2, 4096 + 64]);
  assertEquals(cost(255), [2, 8192]);
  assertEquals(cost(256), [3, 8192 + 64]);
});

Deno.test("undoing a list without translation copies nothing out (dma.md 7.1)", () => {
  const { machine, dev, fields } = testBench(NARROW);
  const list = listOf([4 * GIB, 0x1000], [5 * GIB, 300 * KIB]);
  assertEquals(machine.dma.dmaMapSgtable(dev, list, DMA_FROM_DEVICE), -ERRNO.EIO);
  assertEquals(fields("swiotlb.copy").map(({ direction }) => direction), ["in"]);
  assertEquals(machine.swiotlb.usedSlots, 0);
  assertEquals(dev.mappings, 0);
});

/** Maps one entry of a peer's memory that a device of 32 bits does not reach. */
function mapFarPeer(kernel: KernelProfile, kind: PeerMapType, force: boolean) {
  const far = at(8 * GIB);
  const bench = testBench({
    iommu: { mode: "off" },
    device: { maskBits: force ? 64 : 32 },
    machine: {
      kernel,
      windows: [{ name: "peer", basePhys: far, sizeBytes: 0x10000 }],
      ramSizeBytes: 4 * GIB,
      swiotlb: swiotlbConfig({ force }),
    },
  });
  bench.machine.peers = {
    unmappedEnd: () => -1,
    isPeerMemory: () => kind !== "none",
    providerAt: () => "peer",
    passesRoot: () => true,
    mapType: () => kind,
    busAddress: (phys: PhysAddr) => phys as number as DmaAddr,
    resolveBusAddress: () => -1,
  };
  const list = new Scatterlist([{ phys: far, sizeBytes: 0x1000 }]);
  return {
    error: bench.machine.dma.dmaMapSgtable(bench.dev, list, DMA_TO_DEVICE),
    paths: bench.fields("dma.map").map(({ path }) => path),
  };
}

Deno.test("peer memory out of reach is bounced in 7.2 and refused in 6.12 (dma.md 7.3)", () => {
  const bounced = { error: 0, paths: ["swiotlb"] };
  const refused = { error: -ERRNO.EIO, paths: [] };
  assertEquals(mapFarPeer("7.2.12", "thru_host_bridge", false), bounced);
  assertEquals(mapFarPeer("7.2.12", "thru_host_bridge", true), bounced);
  assertEquals(mapFarPeer("6.12.117", "thru_host_bridge", false), refused);
  assertEquals(mapFarPeer("6.12.117", "thru_host_bridge", true), refused);
});

Deno.test("a list that is unmapped with fewer entries unmaps only those, and keeps its count (dma.md 8.2, row 6)", () => {
  const { machine, dev, fields } = testBench(NARROW);
  const list = listOf([4 * GIB, 0x1000], [5 * GIB, 0x1000], [6 * GIB, 0x1000]);
  assertEquals(machine.dma.dmaMapSg(dev, list, DMA_TO_DEVICE), 3);
  const { usedSlots } = machine.swiotlb;
  machine.dma.dmaUnmapSg(dev, list, DMA_TO_DEVICE, 0, 2);
  assertEquals([list.count, fields("swiotlb.unmap").length], [3, 2]);
  assertEquals(machine.swiotlb.usedSlots, usedSlots / 3);
  assertEquals(machine.dma.dmaMapSg(dev, list, DMA_TO_DEVICE), 3);
});

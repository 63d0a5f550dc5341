import { assertEquals } from "@std/assert";
import { type DmaAddr, GIB } from "../../address.ts";
import { ERRNO } from "../../errno.ts";
import { at, testBench } from "../testing.ts";

Deno.test("dma_alloc_coherent() maps whole pages for both sides, neighbours in one piece", () => {
  const { machine, dev, fields } = testBench();
  const pages = [at(0x2000_0000), at(0x2000_1000), at(0x3000_0000)];
  const memory = machine.dma.dmaAllocCoherent(dev, 0x2800, pages);
  assertEquals(memory?.dma, 0xffff_c000);
  assertEquals(
    fields("iommu.map").map(({ iova, phys, size_bytes, prot }) => [iova, phys, size_bytes, prot]),
    [
      [0xffff_c000, 0x2000_0000, 0x2000, "read_write"],
      [0xffff_e000, 0x3000_0000, 0x1000, "read_write"],
    ] as never,
  );
  assertEquals(memory?.physOf(0x2010), 0x3000_0010);
  assertEquals(machine.iommu.liveMappings, 0);
});

Deno.test("dma_alloc_coherent() is visible once, after all pages are mapped", () => {
  const { machine, dev, names } = testBench({ iommu: { cachingMode: true } });
  machine.dma.dmaAllocCoherent(dev, 0x2000, [at(0x2000_0000), at(0x3000_0000)]);
  assertEquals(names(), [
    "call.dma_alloc_coherent",
    "iova.alloc",
    "iommu.map",
    "iommu.map",
    "iotlb.sync",
    "iommu.sync_map",
    "ret.dma_alloc_coherent",
  ]);
});

Deno.test("memory of which a later part cannot be mapped leaves no part mapped", () => {
  const pages = [at(0x2000_0000), at(0x2000_1000), at(0x3000_0000)];
  for (const fails of [1, 2]) {
    const { machine, dev, fields } = testBench();
    const domain = dev.domain!;
    const map = domain.map.bind(domain);
    let calls = 0;
    domain.map = (...args) => ++calls === fails ? -ERRNO.ENOMEM : map(...args);
    assertEquals(machine.dma.dmaAllocCoherent(dev, 0x3000, pages), null);
    assertEquals(
      fields("iommu.unmap").map(({ iova, unmapped_bytes }) => [iova, unmapped_bytes]),
      (fails === 1 ? [] : [[0xffff_c000, 0x2000]]) as never,
    );
    assertEquals(machine.iommu.lookup(dev, 0xffff_c000 as DmaAddr), -1);
    const { start, size_bytes } = fields("iova.free")[0]!;
    assertEquals([start, size_bytes], [0xffff_c000, 0x3000] as never);
  }
});

Deno.test("coherent memory is zeroed, and goes back where it came from", () => {
  const { machine, dev } = testBench();
  const first = machine.dma.dmaAllocCoherent(dev, 4096)!;
  const phys = first.physOf(0);
  assertEquals(machine.pages.inUse(phys), true);
  machine.memory.fill(phys, 4096, 0xaa);
  machine.dma.dmaFreeCoherent(dev, first);
  assertEquals(machine.pages.inUse(phys), false);
  assertEquals(machine.iommu.lookup(dev, first.dma), -1);
  const again = machine.dma.dmaAllocCoherent(dev, 4096)!;
  assertEquals(again.physOf(0), phys);
  assertEquals(machine.memory.readU32(phys), 0);
});

Deno.test("coherent memory of a direct device lies where its coherent mask reaches", () => {
  const { machine, dev } = testBench({
    iommu: { mode: "off" },
    device: { maskBits: 64, coherentMaskBits: 32 },
    machine: { ramSizeBytes: 8 * GIB },
  });
  const memory = machine.dma.dmaAllocCoherent(dev, 0x3000)!;
  assertEquals(memory.dma, memory.physOf(0) as number);
  assertEquals(memory.physOf(0x2fff) < 4 * GIB, true);
  const unreachable = testBench({ iommu: { mode: "off" }, device: { coherentMaskBits: 16 } });
  assertEquals(unreachable.machine.dma.dmaAllocCoherent(unreachable.dev, 4096), null);
  assertEquals(unreachable.fields("ret.dma_alloc_coherent"), [{ result: null, error: "ENOMEM" }]);
});

Deno.test("coherent memory that gets no IOVA range frees its pages", () => {
  const { machine, dev } = testBench({ device: { coherentMaskBits: 12 } });
  const before = machine.pages.takenBytes;
  assertEquals(machine.dma.dmaAllocCoherent(dev, 4096), null);
  assertEquals(machine.pages.takenBytes, before);
});

import { assert, assertEquals } from "@std/assert";
import {
  type DmaAddr,
  GIB,
  KIB,
  MIB,
  PAGE_SIZE_BYTES as PAGE,
  type PhysAddr,
} from "../../address.ts";
import { ERRNO } from "../../errno.ts";
import { DMA_ATTR } from "../attributes.ts";
import { at, testBench } from "../testing.ts";

Deno.test("memory of which a later part cannot be mapped leaves no part mapped", () => {
  const pages = [at(0x2000_0000), at(0x2000_1000), at(0x3000_0000)];
  for (const fails of [1, 2]) {
    const { machine, dev, fields } = testBench();
    const domain = dev.domain!;
    const map = domain.map.bind(domain);
    let calls = 0;
    domain.map = (...args) => ++calls === fails ? -ERRNO.ENOMEM : map(...args);
    assertEquals(machine.dma.dmaAllocCoherent(dev, 0x3000, { pages }), null);
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

/** The refusal of each call that got no memory. */
function refusals({ seen }: ReturnType<typeof testBench>): unknown[] {
  return seen.flatMap(({ why }) => why?.rule === "dma.1.9" ? [why.inputs["reason"]] : []);
}

/** Allocates all memory except every second page, or every second run of `runPages` pages. */
function fragment({ machine }: ReturnType<typeof testBench>, runPages: number): void {
  const { pages } = machine;
  while (pages.alloc(1024, { contiguous: true, orderAligned: 10 }) !== null);
  while (pages.alloc(1, { contiguous: true }) !== null);
  for (let at = 0x2000_0000; at < 0x2400_0000; at += 2 * runPages * PAGE) {
    pages.free(Array.from({ length: runPages }, (_, page) => at + page * PAGE as PhysAddr));
  }
}

Deno.test("the largest page size that fits comes first, and one that is not to be had is not tried again (dma.md 1.9)", () => {
  const empty = testBench();
  const size = 2 * MIB + 4 * KIB;
  const memory = empty.machine.dma.dmaAllocCoherent(empty.dev, size)!;
  assertEquals(memory.pages[0]! % (2 * MIB), 0);
  assertEquals(empty.fields("iova.alloc")[0]!.size_bytes, size);
  const small = testBench();
  fragment(small, 256);
  assertEquals(small.machine.dma.dmaAllocCoherent(small.dev, 2 * MIB)!.pages.length, 512);
  const single = testBench();
  const attrs = DMA_ATTR.ALLOC_SINGLE_PAGES;
  single.machine.dma.dmaAllocCoherent(single.dev, 4 * KIB);
  const pages = single.machine.dma.dmaAllocCoherent(single.dev, 2 * MIB, { attrs })!.pages;
  assertEquals([pages.length, pages[0]! % (2 * MIB)], [512, PAGE]);
});

Deno.test("pieces are of the sizes that the page table has, the largest that fits first (dma.md 1.9)", () => {
  const pageSizesBytes = [PAGE, 64 * KIB, 4 * MIB];
  const { dev, machine } = testBench({ iommu: { model: "amd", pageSizesBytes } });
  machine.pages.alloc(1, { owner: "driver" });
  const { pages } = machine.dma.dmaAllocCoherent(dev, 4 * MIB + 64 * KIB + PAGE)!;
  const [largest, next, last] = [0, 1024, 1040].map((index) => pages[index]!);
  assertEquals([largest! % (4 * MIB), next! % (64 * KIB)], [0, 0]);
  assertEquals(pages.indexOf(last!), pages.length - 1);
});

Deno.test("one block has 4 MiB at most: without an IOMMU, and where the caller may not sleep (dma.md 1.9)", () => {
  const direct = testBench({ iommu: { mode: "off" } });
  assertEquals(direct.machine.dma.dmaAllocCoherent(direct.dev, 8 * MIB), null);
  assertEquals(refusals(direct), ["above_largest_block"]);
  assert(direct.machine.dma.dmaAllocCoherent(direct.dev, 4 * MIB) !== null);
  const { machine, dev } = testBench();
  assertEquals(machine.dma.dmaAllocCoherent(dev, 8 * MIB, { atomic: true }), null);
  assertEquals(machine.dma.dmaAllocCoherent(dev, 8 * MIB)!.pages.length, 2048);
});

Deno.test("a device that is not coherent gets memory from the atomic pool when the caller may not sleep (dma.md 1.9)", () => {
  const { machine, dev } = testBench({
    iommu: { mode: "off" },
    device: { coherent: false },
    machine: { ramSizeBytes: 2 * GIB },
  });
  const { dma } = machine;
  const taken = () => dma.dmaAllocCoherent(dev, 64 * KIB, { atomic: true });
  const all = Array.from({ length: 5 }, taken);
  assertEquals(all.map((memory) => memory !== null), [true, true, true, true, false]);
  machine.advance(0);
  const more = taken();
  assert(more !== null);
  for (const memory of [...all, more]) if (memory !== null) dma.dmaFreeCoherent(dev, memory);
  assert(dma.dmaAllocCoherent(dev, 256 * KIB, { atomic: true }) !== null);
});

Deno.test("on 7.3 an encrypted guest has no coherent memory behind an IOMMU (v7.3.md 3.9)", () => {
  const on = (kernel: "7.2.13" | "7.3.4", mode: "strict" | "off") => {
    const bench = testBench({ iommu: { mode }, machine: { kernel, memoryEncryption: true } });
    const before = bench.machine.pages.takenBytes;
    const memory = bench.machine.dma.dmaAllocCoherent(bench.dev, PAGE);
    if (memory === null) assertEquals(bench.machine.pages.takenBytes, before);
    return memory !== null;
  };
  assertEquals([on("7.2.13", "strict"), on("7.3.4", "strict"), on("7.3.4", "off")], [
    true,
    false,
    true,
  ]);
});

/** How a destroy differs between releases: when the IOTLB is invalidated, and how much is freed. */
import { assertEquals, assertThrows } from "@std/assert";
import { NotInReleaseError } from "../../kernels/kernels.ts";
import type { KernelProfile } from "../../kernels/behaviours.ts";
import type { IommuMode } from "../../machine_config.ts";
import { DMA_TO_DEVICE } from "../attributes.ts";
import { DmaIovaState } from "../iova_state.ts";
import { at, testBench } from "../testing.ts";

const PAGE = 4096;
const SCATTERED = 0x1000_0000;

/** Reserves pages, links the first of them, and destroys as much as it says. */
function destroyed(
  kernel: KernelProfile,
  mode: IommuMode,
  { pages, linked, passed = linked }: {
    readonly pages: number;
    readonly linked: number;
    readonly passed?: number;
  },
) {
  const bench = testBench({ iommu: { mode }, machine: { kernel } });
  const { dev, machine: { dma } } = bench;
  const state = new DmaIovaState();
  dma.dmaIovaTryAlloc(dev, state, at(SCATTERED), pages * PAGE);
  for (let page = 0; page < linked; page++) {
    dma.dmaIovaLink(dev, state, at(SCATTERED + page * 2 * PAGE), page * PAGE, PAGE, DMA_TO_DEVICE);
  }
  bench.forget();
  dma.dmaIovaDestroy(dev, state, passed * PAGE, DMA_TO_DEVICE);
  return { ...bench, state };
}

const IN_A_DESTROY = ["iommu.unmap", "iotlb.sync", "iova.free", "flush_queue.add"] as const;

Deno.test("7.3 unmaps, flushes the range and frees it inside the destroy, in lazy mode too; 7.2 parks it (v7.3.md 1.1)", () => {
  const whole = { pages: 4, linked: 4 };
  const before = destroyed("7.2.12", "lazy", whole);
  assertEquals(before.names(...IN_A_DESTROY), ["iommu.unmap", "iova.free", "flush_queue.add"]);
  assertEquals(before.fields("iova.free")[0]!.to, "flush_queue");
  assertEquals(before.machine.iommu.pendingFlushes, 1);

  for (const mode of ["strict", "lazy"] as const) {
    const now = destroyed("7.3-rc7", mode, whole);
    assertEquals(now.names(...IN_A_DESTROY), ["iommu.unmap", "iotlb.sync", "iova.free"], mode);
    const [flush] = now.fields("iotlb.sync");
    assertEquals(
      [flush!.kind, flush!.start, flush!.size_bytes],
      ["range", now.state.addr, 4 * PAGE],
    );
    assertEquals(now.fields("iova.free")[0]!.to, "rcache");
    assertEquals(now.machine.iommu.pendingFlushes, 0);
  }
});

Deno.test("a single mapping of 7.3 waits for the flush queue in lazy mode as before (v7.3.md 1.2)", () => {
  const { dev, machine, fields, names } = testBench({
    iommu: { mode: "lazy" },
    machine: { kernel: "7.3-rc7" },
  });
  const dma = machine.dma.dmaMapPhys(dev, at(SCATTERED), PAGE, DMA_TO_DEVICE);
  machine.dma.dmaUnmapPhys(dev, dma, PAGE, DMA_TO_DEVICE);
  assertEquals(names("iotlb.sync"), []);
  assertEquals(fields("iova.free").map(({ to }) => to), ["flush_queue"]);
});

Deno.test("in lazy mode the very next range of the size class is the one just destroyed, and on 7.2 is not (v7.3.md 1.3)", () => {
  const nextAfter = (kernel: KernelProfile) => {
    const { dev, machine, state } = destroyed(kernel, "lazy", { pages: 4, linked: 4 });
    const next = new DmaIovaState();
    machine.dma.dmaIovaTryAlloc(dev, next, at(SCATTERED), 4 * PAGE);
    return next.addr - state.addr;
  };
  assertEquals([nextAfter("7.2.12"), nextAfter("7.3-rc7")], [-4 * PAGE, 0]);
});

Deno.test("a destroy of 7.3 unmaps the size passed and frees what was reserved; 7.2 frees the size passed (v7.3.md 1.4)", () => {
  for (const mode of ["strict", "lazy"] as const) {
    // One link of two succeeded: the numbers of the captured request.
    const failing = { pages: 2, linked: 1 };
    const sizes = (kernel: KernelProfile, layout: typeof failing & { passed?: number }) => {
      const { dev, fields } = destroyed(kernel, mode, layout);
      const left: number[] = [];
      dev.domain!.table.forEachLeaf(0, 2 ** 48 - 1, (_, phys) => left.push(phys));
      const [unmap] = fields("iommu.unmap");
      const [free] = fields("iova.free");
      return [unmap!.unmapped_bytes, free!.size_bytes, left.length];
    };
    assertEquals(sizes("7.2.12", failing), [4096, 4096, 0]);
    assertEquals(sizes("7.3-rc7", failing), [4096, 8192, 0]);
    // A caller that passes less than it linked leaves mappings under addresses that are free.
    const short = { pages: 32, linked: 32, passed: 1 };
    assertEquals(sizes("7.2.12", short), [4096, 4096, 31]);
    assertEquals(sizes("7.3-rc7", short), [4096, 131072, 31]);
  }
});

Deno.test("a destroy of nothing frees the range, and neither unmaps nor flushes, on 7.2 and 7.3 (v7.3.md 1.5)", () => {
  for (const kernel of ["7.2.12", "7.3-rc7"] as const) {
    const { fields, names } = destroyed(kernel, "lazy", { pages: 2, linked: 0 });
    assertEquals(names(...IN_A_DESTROY), ["iova.free"]);
    assertEquals(fields("iova.free")[0]!.size_bytes, 2 * PAGE);
  }
});

Deno.test("6.12 has no two-step API: each of its calls says since when there is one (hmm-rdma-vfio.md 6.9)", () => {
  const { dev, machine: { dma } } = testBench({ machine: { kernel: "6.12.117" } });
  const state = new DmaIovaState();
  const calls = {
    dma_iova_try_alloc: () => dma.dmaIovaTryAlloc(dev, state, at(SCATTERED), PAGE),
    dma_iova_link: () => dma.dmaIovaLink(dev, state, at(SCATTERED), 0, PAGE, DMA_TO_DEVICE),
    dma_iova_sync: () => dma.dmaIovaSync(dev, state, 0, PAGE),
    dma_iova_unlink: () => dma.dmaIovaUnlink(dev, state, 0, PAGE, DMA_TO_DEVICE),
    dma_iova_destroy: () => dma.dmaIovaDestroy(dev, state, PAGE, DMA_TO_DEVICE),
    dma_iova_free: () => dma.dmaIovaFree(dev, state),
  };
  for (const [name, call] of Object.entries(calls)) {
    const { message } = assertThrows(call, NotInReleaseError);
    assertEquals(message, `There is no ${name}() in 6.12.117: the two-step API came with 6.16`);
  }
});

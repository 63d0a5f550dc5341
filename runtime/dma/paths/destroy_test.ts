/** How a destroy differs between releases: when the IOTLB is invalidated, and how much is freed. */
import { assertEquals, assertThrows } from "@std/assert";
import { NotInReleaseError } from "../../kernels/kernels.ts";
import { DMA_TO_DEVICE } from "../attributes.ts";
import { DmaIovaState } from "../iova_state.ts";
import { at, testBench } from "../testing.ts";

const PAGE = 4096;
const SCATTERED = 0x1000_0000;

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

import { assert, assertEquals } from "@std/assert";
import { flagWords, HMM_PFN, HmmPfnList } from "./hmm_pfn_list.ts";

const { DMA_MAPPED, ERROR, P2PDMA, P2PDMA_BUS, VALID, WRITE } = HMM_PFN;

Deno.test("flags are bits 63 to 58, the order bits 57 to 53, the frame number bits 52 to 0 (hmm-rdma-vfio.md 1.1)", () => {
  const list = new HmmPfnList(2);
  list.replace(1, VALID + WRITE, 9, 2 ** 53 - 1);
  list.addFlags(1, DMA_MAPPED);
  assertEquals(list.word(1), [0xd13f_ffff, 0xffff_ffff]);
  assertEquals([list.order(1), list.pfn(1)], [9, 2 ** 53 - 1]);
  assertEquals(list.word(0), [0, 0]);
  const bits = [VALID, WRITE, ERROR, DMA_MAPPED, P2PDMA, P2PDMA_BUS];
  assertEquals(bits.map((bit) => 32 + Math.log2(bit)), [63, 62, 61, 60, 59, 58]);
  assertEquals(flagWords(list.flags(1)), ["valid", "write", "dma_mapped"]);
  assertEquals(list.sizeBytes, 16);
});

Deno.test("a range fault keeps the sticky flags and replaces every other bit (hmm-rdma-vfio.md 1.1)", () => {
  const list = new HmmPfnList(1);
  list.replace(0, VALID + WRITE + ERROR, 31, 0x1_2345_6789);
  list.addFlags(0, DMA_MAPPED + P2PDMA + P2PDMA_BUS);
  list.replace(0, 0, 0, 0);
  assertEquals(flagWords(list.flags(0)), ["dma_mapped", "p2pdma", "p2pdma_bus"]);
  assertEquals([list.pfn(0), list.order(0)], [0, 0]);
});

Deno.test("clearing flags keeps the frame number (hmm-rdma-vfio.md 1.5)", () => {
  const list = new HmmPfnList(1);
  list.replace(0, VALID, 4, 0x12345);
  list.addFlags(0, DMA_MAPPED);
  list.clearFlags(0, DMA_MAPPED);
  assert(list.has(0, VALID) && !list.has(0, DMA_MAPPED));
  list.clearFlags(0);
  assertEquals([list.flags(0), list.pfn(0), list.order(0)], [0, 0x12345, 4]);
});

/**
 * Bounce buffers as they were recorded: where a step's first one was.
 *
 * The search for slots goes on where the last one ended, and what ran before a step is not told.
 * From its first buffer on a step's slots must come out.
 */
import { alignDown, type Bytes, KIB, MIB, type PhysAddr } from "../../runtime/address.ts";
import { DMA_FROM_DEVICE } from "../../runtime/dma/attributes.ts";
import { DmaDevice } from "../../runtime/dma/device/device.ts";
import type { Machine } from "../../runtime/machine.ts";

const PAGE_BYTES = 4 * KIB;
/** Memory of the earlier mappings: it does not matter. */
const ELSEWHERE = MIB as PhysAddr;

export class GivenSlots {
  readonly #machine: Machine;
  readonly #poolBytes: Bytes;
  // Another device: what bounces once needs to be unmapped from then on.
  readonly #earlier = new DmaDevice("earlier", { minAlignMask: PAGE_BYTES - 1 });
  /** Page of the slot that was taken last. */
  #lastPage = -1;

  constructor(machine: Machine, poolBytes: Bytes) {
    this.#machine = machine;
    this.#poolBytes = poolBytes;
    machine.events.listen(({ fields }) => {
      const { tlb_phys, size_bytes } = fields as { tlb_phys: number; size_bytes: number };
      this.#lastPage = alignDown(tlb_phys + size_bytes - 1, PAGE_BYTES);
    }, ["swiotlb.map"]);
  }

  /** Takes and frees slots, as earlier mappings did, until the search stands before this one. */
  reach(tlb: number): void {
    const { swiotlb } = this.#machine;
    const before = alignDown(tlb, PAGE_BYTES) - PAGE_BYTES;
    for (let tries = this.#poolBytes / PAGE_BYTES; tries > 0; tries--) {
      if (this.#lastPage === before) return;
      const slot = swiotlb.map(this.#earlier, ELSEWHERE, PAGE_BYTES, 0, DMA_FROM_DEVICE, 0);
      swiotlb.unmap(this.#earlier, slot as PhysAddr, PAGE_BYTES, DMA_FROM_DEVICE, 0);
    }
  }
}

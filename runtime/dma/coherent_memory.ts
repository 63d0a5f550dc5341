/** Memory that the CPU and a device share. */
import type { Bytes, DmaAddr, PhysAddr } from "../address.ts";
import { invariant } from "../errno.ts";
import type { PageHome } from "../memory/page_allocator.ts";

/** A piece of shared memory: one range for the device, pages for the CPU. */
export class CoherentMemory {
  /**
   * @param dma First byte as the device sees it.
   * @param sizeBytes Length in bytes, as requested.
   * @param pages Physical addresses, one for each page.
   * @param home Allocator of the pages, to which they are freed; null for pages that the caller
   *   supplied.
   * @param attrs The requested attributes, as bits of `DMA_ATTR`.
   * @internal
   */
  constructor(
    readonly dma: DmaAddr,
    readonly sizeBytes: Bytes,
    readonly pages: readonly PhysAddr[],
    readonly pageSizeBytes: Bytes,
    readonly home: PageHome | null,
    readonly attrs: number = 0,
  ) {}

  /** Physical address of a byte. */
  physOf(offset: number): PhysAddr {
    const index = Math.floor(offset / this.pageSizeBytes);
    const page = this.pages[index];
    invariant(page !== undefined, `Offset ${offset} lies outside ${this.sizeBytes} shared bytes`);
    return page + (offset - index * this.pageSizeBytes) as PhysAddr;
  }
}

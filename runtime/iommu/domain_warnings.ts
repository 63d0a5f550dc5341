/** What the kernel logs about a domain. */
import { bitsOfLastAddress, type Bytes } from "../address.ts";
import { hexAddress } from "../dma/hex_address.ts";
import type { Platform } from "../platform.ts";

/** Functions that clear leaves and look at how many there were. */
export type UnmapCaller = "__iommu_dma_unmap" | "__iommu_dma_iova_unlink" | "iommu_unmap";

export class DomainWarnings {
  readonly #platform: Platform;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** No range below 4 GiB is left, where the device preferred them. @see rules/dma.md 4.2 */
  left32Bit({ name }: { readonly name: string }, last: number): void {
    const bits = bitsOfLastAddress(last);
    this.#platform.warnings.warn(
      "iommu_dma_alloc_iova",
      `Device "${name}" has used up the IOVAs below 4 GiB ` +
        `and from now on takes those of ${bits} bits`,
      `Using ${bits}-bit DMA addresses`,
    );
  }

  /** WARNs of the page table's own code. @param operation Which of the domain's operations ran. */
  table(operation: "map_pages" | "unmap_pages", iova: number, count: number): void {
    const text = this.#say(`the page table at ${hexAddress(iova)} is not as expected`);
    for (let left = count; left > 0; left--) this.#platform.warnings.warn(operation, text);
  }

  /** An unmap cleared another size than it was called with. */
  unmapped(caller: UnmapCaller, start: number, askedBytes: Bytes, doneBytes: Bytes): void {
    const what = `${doneBytes} of ${askedBytes} bytes at ${hexAddress(start)} were mapped`;
    this.#platform.warnings.warn(caller, this.#say(what));
  }

  /** A text about the device whose call it is. */
  #say(what: string): string {
    return `Device "${this.#platform.events.context.device}": ${what}`;
  }
}

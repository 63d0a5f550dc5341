/** What the kernel logs about a domain. */
import { bitsOfLastAddress, type Bytes } from "../address.ts";
import type { DmaDevice } from "../dma/device/device.ts";
import { hexAddress } from "../dma/hex_address.ts";
import type { KernelWarnings } from "../warnings.ts";

/** Functions that clear leaves and look at how many there were. */
export type UnmapCaller = "__iommu_dma_unmap" | "__iommu_dma_iova_unlink" | "iommu_unmap";

export class DomainWarnings {
  readonly #warnings: KernelWarnings;
  readonly #device: DmaDevice;

  constructor(warnings: KernelWarnings, device: DmaDevice) {
    this.#warnings = warnings;
    this.#device = device;
  }

  /** No range below 4 GiB is left, where the device preferred them. @see behaviour/dma.md 4.2 */
  left32Bit(last: number): void {
    const bits = bitsOfLastAddress(last);
    this.#warnings.warn(
      "iommu_dma_alloc_iova",
      `Device "${this.#device.name}" has used up the IOVAs below 4 GiB ` +
        `and from now on takes those of ${bits} bits`,
      `Using ${bits}-bit DMA addresses`,
    );
  }

  /** WARNs of the page table's own code. @param operation Which of the domain's operations ran. */
  table(operation: "map_pages" | "unmap_pages", iova: number, count: number): void {
    const at = hexAddress(iova);
    const text = `Device "${this.#device.name}": the page table at ${at} is not as expected`;
    for (let left = count; left > 0; left--) this.#warnings.warn(operation, text);
  }

  /** An unmap cleared another size than it was called with. */
  unmapped(caller: UnmapCaller, start: number, askedBytes: Bytes, doneBytes: Bytes): void {
    const what = `${doneBytes} of ${askedBytes} bytes at ${hexAddress(start)} were mapped`;
    this.#warnings.warn(caller, `Device "${this.#device.name}": ${what}`);
  }
}

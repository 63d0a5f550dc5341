/**
 * Memory that no driver may map: the kernel's stacks, its code and constants, and what is contiguous
 * for the CPU only.
 *
 * The model has no such memory of its own. A region of the machine block that bears one of these
 * names stands for it.
 *
 * @see behaviour/dma.md 1.4 (map-single of vmalloc memory), 8.2 rows 10, 11, 13
 */
import type { Bytes, PhysAddr } from "../address.ts";
import type { MemoryRegion } from "../machine_config.ts";

const AREA_OF_REGION = {
  kernel_stack: "stack",
  kernel_text: "text",
  kernel_rodata: "text",
  vmalloc: "vmalloc",
} as const;

export type KernelArea = (typeof AREA_OF_REGION)[keyof typeof AREA_OF_REGION];

export class KernelAreas {
  readonly #areas: readonly { readonly area: KernelArea; readonly region: MemoryRegion }[];

  constructor(regions: readonly MemoryRegion[]) {
    this.#areas = regions.flatMap((region) =>
      region.name in AREA_OF_REGION
        ? [{ area: AREA_OF_REGION[region.name as keyof typeof AREA_OF_REGION], region }]
        : []
    );
  }

  /** The machine has none. */
  get isEmpty(): boolean {
    return this.#areas.length === 0;
  }

  /** The area that some byte of a buffer lies in, or null. */
  find(phys: PhysAddr, sizeBytes: Bytes): KernelArea | null {
    const found = this.#areas.find(({ region }) =>
      phys < region.basePhys + region.sizeBytes && region.basePhys < phys + sizeBytes
    );
    return found?.area ?? null;
  }
}

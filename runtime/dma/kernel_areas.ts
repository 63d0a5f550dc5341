/**
 * Memory that no driver may map: the kernel's stacks, its code and constants, and memory that is
 * contiguous for the CPU only.
 *
 * It consists of the regions that have the name of such an area in the scenario's machine block,
 * and of every page that vmalloc has taken.
 *
 * @see rules/dma.md 1.4 (map-single of vmalloc memory), 8.2 rows 10, 11, 13
 */
import { alignDown, type Bytes, PAGE_SIZE_BYTES, type PhysAddr } from "../address.ts";
import type { MemoryRegionConfig } from "../machine_config.ts";

const AREA_OF_REGION = {
  kernel_stack: "stack",
  kernel_text: "text",
  kernel_rodata: "text",
  vmalloc: "vmalloc",
} as const;

export type KernelArea = (typeof AREA_OF_REGION)[keyof typeof AREA_OF_REGION];

export class KernelAreas {
  readonly #areas: readonly { readonly area: KernelArea; readonly region: MemoryRegionConfig }[];

  readonly #vmallocPages = new Set<number>();

  constructor(regions: readonly MemoryRegionConfig[]) {
    this.#areas = regions.flatMap((region) =>
      region.name in AREA_OF_REGION
        ? [{ area: AREA_OF_REGION[region.name as keyof typeof AREA_OF_REGION], region }]
        : []
    );
  }

  get isEmpty(): boolean {
    return this.#areas.length === 0 && this.#vmallocPages.size === 0;
  }

  /** The area that some byte of a buffer lies in, or null. */
  find(phys: PhysAddr, sizeBytes: Bytes): KernelArea | null {
    return this.regionAt(phys, sizeBytes) ??
      (this.#isVmalloc(phys, sizeBytes) ? "vmalloc" : null);
  }

  /** Like `find()`, but searches only the machine's configured regions, not vmalloc memory. */
  regionAt(phys: PhysAddr, sizeBytes: Bytes): KernelArea | null {
    if (this.#areas.length === 0) return null;
    const found = this.#areas.find(({ region }) =>
      phys < region.basePhys + region.sizeBytes && region.basePhys < phys + sizeBytes
    );
    return found?.area ?? null;
  }

  /** Marks pages as vmalloc memory: the CPU uses them at other, contiguous addresses. */
  addVmalloc(pages: readonly PhysAddr[]): void {
    for (const page of pages) this.#vmallocPages.add(page);
  }

  removeVmalloc(pages: readonly PhysAddr[]): void {
    for (const page of pages) this.#vmallocPages.delete(page);
  }

  #isVmalloc(phys: PhysAddr, sizeBytes: Bytes): boolean {
    const pages = this.#vmallocPages;
    const first = alignDown(phys, PAGE_SIZE_BYTES);
    const end = phys + sizeBytes;
    // A wrong length may span most of the address space. Iterating over the vmalloc pages is then
    // cheaper than iterating over the pages of the span.
    if ((end - first) / PAGE_SIZE_BYTES > pages.size) {
      for (const page of pages) if (page >= first && page < end) return true;
      return false;
    }
    for (let at = first; at < end; at += PAGE_SIZE_BYTES) if (pages.has(at)) return true;
    return false;
  }
}

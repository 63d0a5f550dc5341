/**
 * Memory that is allocated for a device and mapped at once. The CPU caches it, so sync calls hand
 * it to the CPU and to the device, as for a streaming mapping.
 *
 * The events and the checker treat it as a mapping of its pages that skips cache maintenance.
 *
 * @see rules/c-api.md 5 (dma_alloc_pages, dma_alloc_noncontiguous), rules/dma.md 1.9
 */
import { type Bytes, DMA_MAPPING_ERROR, type DmaAddr, type PhysAddr } from "../../address.ts";
import { DMA_ATTR, type DmaDirection } from "../attributes.ts";
import type { DmaDevice } from "../device/device.ts";
import type { Machine } from "../../machine.ts";
import { segmentsOf } from "../../memory/buffer_segments.ts";
import { Scatterlist } from "../scatterlist.ts";
import { collectForDevice, mapPages, takePages } from "./coherent.ts";

const { ALLOC_SINGLE_PAGES, SKIP_CPU_SYNC } = DMA_ATTR;

/** Contiguous pages, and the device's address of the first. */
export interface PageMemory {
  readonly dev: DmaDevice;
  readonly dma: DmaAddr;
  readonly sizeBytes: Bytes;
  readonly dir: DmaDirection;
  readonly pages: readonly PhysAddr[];
}

/**
 * `dma_alloc_pages`. @returns Null when the device reaches no free block of this size, or when the
 * block cannot be mapped.
 */
export function allocPageMemory(
  machine: Machine,
  dev: DmaDevice,
  sizeBytes: Bytes,
  dir: DmaDirection,
): PageMemory | null {
  const { memory, pages: { pageSizeBytes } } = machine;
  const count = Math.ceil(sizeBytes / pageSizeBytes);
  const pages = count > 0 ? takePages(machine, dev, count) : null;
  if (pages === null) return null;
  memory.fill(pages[0]!, count * pageSizeBytes, 0);
  const dma = machine.dma.dmaMapPage(dev, pages[0]!, 0, sizeBytes, dir, SKIP_CPU_SYNC);
  if (dma === DMA_MAPPING_ERROR) {
    machine.pages.free(pages);
    return null;
  }
  machine.dma.dmaMappingError(dev, dma);
  return { dev, dma, sizeBytes, dir, pages };
}

/** `dma_free_pages`: the checker compares the caller's arguments with its record. */
export function freePageMemory(
  machine: Machine,
  { dev, dma, pages }: PageMemory,
  sizeBytes: Bytes,
  dir: DmaDirection,
): void {
  machine.dma.dmaUnmapPage(dev, dma, sizeBytes, dir, SKIP_CPU_SYNC);
  machine.pages.free(pages);
}

/** Pages at any physical addresses, which the device sees as one range. */
export interface NoncontiguousMemory {
  readonly dev: DmaDevice;
  readonly list: Scatterlist;
  readonly pages: readonly PhysAddr[];
}

/**
 * `dma_alloc_noncontiguous`: behind an IOMMU the memory is allocated page by page like coherent
 * memory, else as one block.
 * @param attrs Only `ALLOC_SINGLE_PAGES` is allowed.
 * @returns Null if no memory or no range is free.
 */
export function allocNoncontiguous(
  machine: Machine,
  dev: DmaDevice,
  sizeBytes: Bytes,
  dir: DmaDirection,
  attrs: number,
): NoncontiguousMemory | null {
  if ((attrs & ~ALLOC_SINGLE_PAGES) !== 0) {
    const text = "Allocation with invalid attributes";
    machine.warnings.warnOnce("dma_alloc_noncontiguous", text);
    machine.checker?.warned("alloc_flags", `dma_alloc_noncontiguous(): ${text.toLowerCase()}`);
    return null;
  }
  const { domain } = dev;
  const { pageSizeBytes } = machine.pages;
  const unitBytes = Math.max(pageSizeBytes, domain?.granuleBytes ?? 0);
  const count = Math.ceil(sizeBytes / unitBytes) * (unitBytes / pageSizeBytes);
  if (count === 0) return null;
  const pages = domain === null
    ? takePages(machine, dev, count)
    : collectForDevice(machine, domain, count, attrs);
  if (pages === null) return null;
  for (const page of pages) machine.memory.fill(page, pageSizeBytes, 0);
  const list = listOfPages(pages, pageSizeBytes);
  const made = { dev, list, pages };
  if (domain === null) {
    if (machine.dma.dmaMapSgtable(dev, list, dir, SKIP_CPU_SYNC) === 0) return made;
  } else {
    const { context } = machine.events;
    const outer = context.enterDevice(dev.name);
    const dma = mapPages(dev, domain, pages, pageSizeBytes, attrs, dir);
    if (dma !== null) {
      machine.dma.mappedWhole(dev, list, dma, count * pageSizeBytes, dir, SKIP_CPU_SYNC);
    }
    context.leaveDevice(outer);
    if (dma !== null) return made;
  }
  machine.pages.free(pages);
  return null;
}

/** `dma_free_noncontiguous`: all memory is unmapped and freed, and another size is reported. */
export function freeNoncontiguous(
  machine: Machine,
  { dev, list, pages }: NoncontiguousMemory,
  sizeBytes: Bytes,
  dir: DmaDirection,
): void {
  const unitBytes = Math.max(machine.pages.pageSizeBytes, dev.domain?.granuleBytes ?? 0);
  const allocatedBytes = pages.length * machine.pages.pageSizeBytes;
  if (Math.ceil(sizeBytes / unitBytes) * unitBytes !== allocatedBytes) {
    const text = `dma_free_noncontiguous() size mismatch on device "${dev.name}": ` +
      `${sizeBytes} bytes passed, ${allocatedBytes} bytes allocated`;
    machine.checker?.unseen("unmap_size", text, "c-api.5");
  }
  machine.dma.dmaUnmapSg(dev, list, dir, SKIP_CPU_SYNC);
  machine.pages.free(pages);
}

/** A list of pages as `dma_get_sgtable` makes it: an entry for each run of neighbours. */
export function listOfPages(pages: readonly PhysAddr[], pageSizeBytes: Bytes): Scatterlist {
  return new Scatterlist(segmentsOf(pages, pageSizeBytes));
}

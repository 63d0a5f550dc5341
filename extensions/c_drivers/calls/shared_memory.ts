/**
 * Coherent memory, shared by the CPU and a device, with attributes. @see rules/c-api.md 5,
 * rules/dma.md 1.5
 */
import {
  ATTRIBUTE_PREFIX,
  attributeWords,
  CoherentMemory,
  DMA_ATTR,
  type DmaDevice,
} from "@dmalab/runtime/dma";
import { formatAddress, formatCount } from "@dmalab/lang/text";
import { callEntries, type CCallEntry } from "../call_entry.ts";
import { kernelEntry } from "../kernel_entry.ts";
import { type CKernel, GFP, hex } from "../c_kernel.ts";
import { MARK, NOWHERE } from "../c_memory.ts";

const { NO_KERNEL_MAPPING } = DMA_ATTR;

/** Attributes that apply to allocations. The others apply to mappings of existing memory. */
const OF_ALLOCATIONS = NO_KERNEL_MAPPING | DMA_ATTR.WEAK_ORDERING | DMA_ATTR.WRITE_COMBINE |
  DMA_ATTR.FORCE_CONTIGUOUS | DMA_ATTR.ALLOC_SINGLE_PAGES | DMA_ATTR.NO_WARN | DMA_ATTR.PRIVILEGED;

function checkAttributes(kernel: CKernel, attrs: number): void {
  const others = attrs & ~OF_ALLOCATIONS;
  if (others === 0) return;
  const [name = hex(others)] = attributeWords(others).map((word) =>
    `${ATTRIBUTE_PREFIX}${word.toUpperCase()}`
  );
  throw kernel.crash(`${name} is not an attribute of an allocation`);
}

/** Allocates coherent memory. @returns Its address in C; 0 without memory. */
export function allocShared(
  kernel: CKernel,
  device: DmaDevice,
  [size, handle, gfp, attrs = 0]: readonly [number, number, number, number?, ...unknown[]],
): number {
  kernel.usesMask(device);
  kernel.exact(size, "size");
  checkAttributes(kernel, attrs);
  const { checker, dma, events, warnings } = kernel.machine;
  if ((gfp & GFP.COMP) !== 0) {
    const text = `Allocation with invalid flags ${hex(gfp)}`;
    warnings.warnOnce("dma_alloc_attrs", text);
    checker?.warned("alloc_flags", `dma_alloc_coherent(): ${text.toLowerCase()}`);
    return 0;
  }
  const memory = dma.dmaAllocCoherent(device, size, {
    attrs,
    atomic: (gfp & GFP.DIRECT_RECLAIM) === 0,
  });
  if (memory === null) return 0;
  const row = kernel.memory.shareRow(memory.pages, memory.pageSizeBytes);
  if (row === NOWHERE) {
    dma.dmaFreeCoherent(device, memory);
    return 0;
  }
  if ((attrs & NO_KERNEL_MAPPING) !== 0) {
    kernel.memory.close(row, memory.pages.length * memory.pageSizeBytes, MARK.CLOSED);
  } else {
    kernel.memory.open(row, size);
    kernel.memory.fresh.take(row, size, true, events.context.site);
    // A search follows what the driver reads from memory that the device writes.
    if (kernel.watched.search !== null) kernel.memory.watch(row, size);
  }
  kernel.coherent.set(row, { memory, at: row });
  if (!kernel.memory.isOpen(handle, 8)) {
    throw kernel.crash("dma_alloc_coherent() without a place for the address");
  }
  kernel.memory.putAddress(handle, memory.dma);
  return row;
}

/** Frees coherent memory, by the arguments of `allocShared` and its results. */
export function freeShared(
  kernel: CKernel,
  device: DmaDevice,
  [size, cpu, handle, attrs = 0]: readonly [number, number, number, number?, ...unknown[]],
): void {
  const { dma: mapping } = kernel.machine;
  if (cpu === 0) return mapping.checkInterruptsOn();
  const block = kernel.coherent.get(cpu);
  if (block === undefined) {
    throw kernel.crash(`dma_free_coherent(${hex(cpu)}): not coherent memory of this device`);
  }
  const { at, memory } = block;
  if (handle !== memory.dma) {
    throw kernel.crash(
      `dma_free_coherent() DMA address mismatch: ${hex(handle)} passed for ${
        hex(cpu)
      }, allocated at ${hex(memory.dma)}`,
    );
  }
  const { dma, home, pageSizeBytes, pages } = memory;
  // The checker compares the caller's arguments with its record.
  const said = new CoherentMemory(dma, size, pages, pageSizeBytes, home, attrs);
  mapping.dmaFreeCoherent(device, said, memory);
  kernel.coherent.delete(at);
  kernel.memory.fresh.give(at);
  kernel.memory.close(at, pages.length * pageSizeBytes, MARK.FREED);
}

/**
 * The reason why C may not access an address in coherent memory, as the end of a sentence; null if
 * C may access it.
 */
export function unmappedText(kernel: CKernel, at: number): string | null {
  for (const { at: first, memory } of kernel.coherent.values()) {
    const { attrs, dma, pageSizeBytes, pages, sizeBytes } = memory;
    if (at < first || at >= first + pages.length * pageSizeBytes) continue;
    if ((attrs & NO_KERNEL_MAPPING) !== 0) {
      return "of memory allocated with DMA_ATTR_NO_KERNEL_MAPPING: the CPU has no address for it";
    }
    const past = formatCount(Math.max(0, at - first - sizeBytes), "byte");
    return `${past} past ${formatCount(sizeBytes, "byte")} of coherent memory at ` +
      `${formatAddress(dma)}, of which a kernel gives whole pages`;
  }
  return null;
}

export const SHARED_MEMORY_CALLS: readonly CCallEntry[] = [
  kernelEntry(
    "dma_alloc_coherent",
    (kernel, [device, ...given]) => allocShared(kernel, device, given),
  ),
  kernelEntry(
    "dma_free_coherent",
    (kernel, [device, ...given]) => freeShared(kernel, device, given),
  ),
  ...callEntries({
    "void *dma_alloc_attrs(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp, unsigned long attrs)"(
      kernel,
      [dev, ...given],
    ) {
      kernel.maySleepBy(given[2]);
      return allocShared(kernel, kernel.device(dev), given);
    },
    "void dma_free_attrs(struct device *dev, size_t size, void *cpu, dma_addr_t handle, unsigned long attrs)":
      (kernel, [dev, ...given]) => freeShared(kernel, kernel.device(dev), given),
  }),
];

/**
 * Non-coherent memory within a device's reach. Syncs pass the memory's ownership between the CPU
 * and the device, as for a streaming mapping.
 *
 * For the checker and in the log, such memory is the mapping of a page with the attribute to skip
 * the CPU sync.
 *
 * @see rules/c-api.md 5 (dma_alloc_noncoherent, dma_alloc_pages)
 */
import { allocPageMemory, freePageMemory, type PageMemory } from "@dmalab/runtime/dma";
import { callEntries, type CArguments, type CCallEntry } from "../call_entry.ts";
import { type CKernel, GFP, hex } from "../c_kernel.ts";
import { MARK, NOWHERE } from "../c_memory.ts";

/** Flags that are not allowed for this memory: the device determines the memory's zone. */
const REFUSED = GFP.ZONES | GFP.COMP;

/** An allocation and its address in C. */
interface CPageMemory extends PageMemory {
  readonly at: number;
}

/** Allocations by their address in C. */
class PageMemories {
  readonly of = new Map<number, CPageMemory>();
}

/** @returns Null without memory within the device's reach, or without a DMA address. */
function alloc(kernel: CKernel, [dev, size, handle, dir, gfp]: CArguments): CPageMemory | null {
  kernel.maySleepBy(gfp);
  const device = kernel.device(dev);
  kernel.usesMask(device);
  const { machine, memory } = kernel;
  const sizeBytes = kernel.exact(size, "size");
  const direction = kernel.direction(dir);
  if (!memory.isOpen(handle, 8)) throw kernel.crash("There is no place for the address");
  if ((gfp & REFUSED) !== 0) {
    const text = `Allocation with invalid flags ${hex(gfp)}`;
    machine.warnings.warn("dma_alloc_pages", text);
    machine.checker?.warned("alloc_flags", `dma_alloc_pages(): ${text.toLowerCase()}`);
    return null;
  }
  const { pageSizeBytes } = machine.pages;
  const allocated = allocPageMemory(machine, device, sizeBytes, direction);
  if (allocated === null) return null;
  const { dma, pages } = allocated;
  const at = memory.shareRow(pages, pageSizeBytes);
  if (at === NOWHERE) {
    freePageMemory(machine, allocated, sizeBytes, direction);
    return null;
  }
  const room = pages.length * pageSizeBytes;
  memory.open(at, room);
  memory.bytes.fill(0, at, at + room);
  memory.fresh.take(at, room, true, machine.events.context.site);
  kernel.lent.add(device, dma, pages[0]!, sizeBytes, direction);
  kernel.lent.hand(device, dma, sizeBytes, true);
  memory.putAddress(handle, dma);
  const made = { ...allocated, at };
  kernel.part(PageMemories).of.set(at, made);
  return made;
}

/** Frees memory; the checker compares the caller's arguments with its record. */
function free(kernel: CKernel, at: number, [dev, size, given, dma, dir]: CArguments): void {
  const { of } = kernel.part(PageMemories);
  const device = kernel.device(dev);
  const known = of.get(at);
  if (known === undefined || known.dev !== device || known.dma !== dma) {
    throw kernel.crash(`${hex(given)} with ${hex(dma)} is not memory that this function allocated`);
  }
  const { machine, memory } = kernel;
  kernel.lent.end(device, known.dma);
  const direction = kernel.direction(dir);
  of.delete(at);
  memory.fresh.give(at);
  freePageMemory(machine, known, kernel.exact(size, "size"), direction);
  memory.close(at, known.pages.length * machine.pages.pageSizeBytes, MARK.FREED);
}

export const PAGE_MEMORY_CALLS: readonly CCallEntry[] = callEntries({
  "void *dma_alloc_noncoherent(struct device *dev, size_t size, dma_addr_t *handle, enum dma_data_direction dir, gfp_t gfp)":
    (kernel, args) => alloc(kernel, args)?.at ?? 0,
  "void dma_free_noncoherent(struct device *dev, size_t size, void *cpu, dma_addr_t handle, enum dma_data_direction dir)":
    (kernel, args) => free(kernel, args[2], args),
  "struct page *dma_alloc_pages(struct device *dev, size_t size, dma_addr_t *handle, enum dma_data_direction dir, gfp_t gfp)"(
    kernel,
    args,
  ) {
    const made = alloc(kernel, args);
    return made === null ? 0 : kernel.pageAt(made.pages[0]!);
  },
  "void dma_free_pages(struct device *dev, size_t size, struct page *page, dma_addr_t handle, enum dma_data_direction dir)":
    (kernel, args) => free(kernel, kernel.memory.pointerTo(kernel.pagePhys(args[2])), args),
});

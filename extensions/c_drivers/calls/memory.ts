/** The kernel's allocators, and address conversions. @see rules/c-api.md 13 */
import { ZERO_SIZE } from "../c_addresses.ts";
import type { PhysAddr } from "@dmalab/runtime";
import { callEntries, type CArguments, type CCallEntry } from "../call_entry.ts";
import { type FreeCall, KMALLOC_BYTES } from "../c_heap.ts";
import { type CKernel, GFP, hex } from "../c_kernel.ts";
import { NOWHERE } from "../c_memory.ts";
import { CRequests } from "../c_requests.ts";
import { CStubs } from "../c_stubs.ts";

const POINTER_BYTES = 8;
/** Upper bound for the number of pages in one call. */
const MAX_PAGES = 4096;

/**
 * Copies a block's bytes into a block of another size and frees the old block. If no memory is
 * free, the old block stays.
 */
function resize(kernel: CKernel, ptr: number, sizeBytes: number, zeroed: boolean): number {
  const old = kernel.heap.blockAt(ptr);
  if (old === null) throw kernel.crash(`krealloc(${hex(ptr)}): not an allocated block`);
  const block = kernel.heap.take(sizeBytes, zeroed);
  if (block === null) return 0;
  const { bytes, fresh } = kernel.memory;
  const keptBytes = Math.min(old.sizeBytes, sizeBytes);
  bytes.copyWithin(block.at, ptr, ptr + keptBytes);
  fresh.write(block.at, keptBytes);
  kernel.free(ptr);
  return block.at;
}

/** The allocator that belongs to each function that frees memory. */
const ALLOCATORS: Readonly<Record<FreeCall, string>> = {
  kfree: "kmalloc",
  vfree: "vmalloc",
  kvfree: "kvmalloc",
};

function free(kernel: CKernel, ptr: number, call: FreeCall): void {
  if (ptr === 0 || ptr === ZERO_SIZE || kernel.part(CStubs).frees(ptr)) return;
  const by = kernel.heap.blockAt(ptr)?.freedBy ?? call;
  // kvfree() frees memory of all allocators.
  if (by !== call && call !== "kvfree") {
    throw kernel.crash(`${call}() frees memory of ${ALLOCATORS[by]}(), which ${by}() must free`);
  }
  kernel.free(ptr);
}

function isVmalloc({ machine, memory }: CKernel, ptr: number): boolean {
  const phys = memory.physOf(ptr);
  return phys !== NOWHERE && machine.areas.find(phys as PhysAddr, 1) === "vmalloc";
}

/**
 * References to pages, by the page's address in C. The reference that a page has from its
 * allocation is not counted.
 */
class PageReferences {
  readonly extra = new Map<number, number>();
}

/** The page with the reference count: for a compound page, its first page. */
function firstOf(kernel: CKernel, page: number): number {
  const at = kernel.memory.pointerTo(kernel.pagePhys(page));
  const block = kernel.heap.find(at);
  return block !== null && block.compoundOrder > 0 ? block.at : at;
}

/** Drops a reference; the last one frees the memory. */
function putPage(kernel: CKernel, page: number): void {
  const at = firstOf(kernel, page);
  const { extra } = kernel.part(PageReferences);
  const more = extra.get(at) ?? 0;
  if (more === 0) kernel.free(at, page);
  else if (more === 1) extra.delete(at);
  else extra.set(at, more - 1);
}

/**
 * Allocates pages for the empty slots of an array.
 * @returns The number of filled slots, counted from the start of the array.
 */
function fillPages(kernel: CKernel, gfp: number, count: number, listAt: number): number {
  kernel.maySleepBy(gfp);
  const { heap, memory } = kernel;
  if (!(count >= 0 && count <= MAX_PAGES && memory.isOpen(listAt, count * POINTER_BYTES))) {
    throw kernel.crash(`No array of ${count} pages at ${hex(listAt)}`);
  }
  for (let slot = 0; slot < count; slot++) {
    const at = listAt + slot * POINTER_BYTES;
    if (memory.wordAt(at) !== 0) continue;
    const block = heap.takePages(0, (gfp & GFP.ZERO) !== 0);
    if (block === null) return slot;
    memory.putWord(at, kernel.pageAt(block.phys));
  }
  return count;
}

export const MEMORY_CALLS: Readonly<Record<"slab" | "mm", readonly CCallEntry[]>> = {
  slab: [
    ...callEntries({
      "void *kmalloc(size_t size, gfp_t gfp)"(kernel, [size, gfp]) {
        kernel.maySleepBy(gfp);
        if (size === 0) return ZERO_SIZE;
        return kernel.heap.take(size, (gfp & GFP.ZERO) !== 0)?.at ?? 0;
      },
      "void *kvmalloc(size_t size, gfp_t gfp)"(kernel, [size, gfp]) {
        kernel.maySleep();
        if (size === 0) return ZERO_SIZE;
        const zeroed = (gfp & GFP.ZERO) !== 0;
        const { heap } = kernel;
        // Too large for contiguous pages.
        if (size > KMALLOC_BYTES) return heap.takeVmalloc(size, zeroed, "kvfree")?.at ?? 0;
        return heap.take(size, zeroed, "kvfree")?.at ?? 0;
      },
      "void *dmalab_vmalloc(size_t size, gfp_t gfp)": {
        as: "vmalloc",
        run(kernel, [size, gfp]) {
          kernel.maySleep();
          return kernel.heap.takeVmalloc(size, (gfp & GFP.ZERO) !== 0, "vfree")?.at ?? 0;
        },
      },
      "bool is_vmalloc_addr(const void *ptr)": (kernel, [ptr]) => Number(isVmalloc(kernel, ptr)),
      "struct page *vmalloc_to_page(const void *ptr)"(kernel, [ptr]) {
        if (isVmalloc(kernel, ptr)) return kernel.pageAt(kernel.phys(ptr));
        throw kernel.crash(`vmalloc_to_page(${hex(ptr)}): not vmalloc memory`);
      },
      "void *krealloc(const void *ptr, size_t size, gfp_t gfp)"(kernel, [ptr, size, gfp]) {
        kernel.maySleepBy(gfp);
        const zeroed = (gfp & GFP.ZERO) !== 0;
        const isBlock = ptr !== 0 && ptr !== ZERO_SIZE;
        if (size !== 0) {
          return isBlock
            ? resize(kernel, ptr, size, zeroed)
            : kernel.heap.take(size, zeroed)?.at ?? 0;
        }
        if (isBlock) kernel.free(ptr);
        return ZERO_SIZE;
      },
    }),
    ...(["kfree", "vfree", "kvfree"] as const).map((call) => ({
      c: `void ${call}(const void *ptr)`,
      run: (kernel: CKernel, [ptr]: CArguments) => free(kernel, ptr, call),
    })),
  ],
  mm: [
    {
      c: "struct page *alloc_pages(gfp_t gfp, unsigned int order)",
      run(kernel, [gfp, order]) {
        kernel.maySleepBy(gfp);
        const isCompound = (gfp & GFP.COMP) !== 0;
        const block = kernel.heap.takePages(order, (gfp & GFP.ZERO) !== 0, isCompound);
        return block === null ? 0 : kernel.pageAt(block.phys);
      },
    },
    ...["alloc_pages_bulk_array", "alloc_pages_bulk"].map((name, index): CCallEntry => ({
      c: `unsigned long ${name}(gfp_t gfp, unsigned long count, struct page **pages)`,
      isIn: (kernel) => kernel.no_two_step === (index === 0),
      run: (kernel, [gfp, count, pages]) => fillPages(kernel, gfp, count, pages),
    })),
    ...callEntries({
      "void __free_pages(struct page *page, unsigned int order)"(kernel, [page, _order]) {
        if (page !== 0) putPage(kernel, page);
      },
      "void get_page(struct page *page)"(kernel, [page]) {
        const { extra } = kernel.part(PageReferences);
        const at = firstOf(kernel, page);
        extra.set(at, (extra.get(at) ?? 0) + 1);
      },
      "void put_page(struct page *page)": (kernel, [page]) => putPage(kernel, page),
      "unsigned int compound_order(struct page *page)"(kernel, [page]) {
        const block = kernel.heap.blockAt(kernel.memory.pointerTo(kernel.pagePhys(page)));
        return block?.compoundOrder ?? 0;
      },
      "unsigned long __get_free_pages(gfp_t gfp, unsigned int order)"(kernel, [gfp, order]) {
        kernel.maySleepBy(gfp);
        return kernel.heap.takePages(order, (gfp & GFP.ZERO) !== 0)?.at ?? 0;
      },
      "void free_pages(unsigned long at, unsigned int order)"(kernel, [at, _order]) {
        if (at !== 0) putPage(kernel, kernel.pageAt(kernel.phys(at)));
      },
      "void *page_address(const struct page *page)"(kernel, [page]) {
        const phys = kernel.pagePhys(page);
        kernel.part(CRequests).showPage(phys);
        return kernel.share(phys, 1);
      },
      "phys_addr_t virt_to_phys(const void *ptr)": (kernel, [ptr]) => kernel.phys(ptr),
      "void *phys_to_virt(phys_addr_t phys)"(kernel, [phys]) {
        const at = kernel.memory.pointerTo(kernel.exact(phys, "address"));
        if (at === NOWHERE) throw kernel.crash(`phys_to_virt(${hex(phys)}): no memory there`);
        kernel.part(CRequests).showPage(
          phys - phys % kernel.machine.pages.pageSizeBytes as PhysAddr,
        );
        return at;
      },
    }),
  ],
};

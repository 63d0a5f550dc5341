/** The kernel's allocators, and where memory lies. @see behaviour/c-api.md 13 */
import type { CCallEntry } from "../call_entry.ts";
import { GFP, hex } from "../c_kernel.ts";
import { NOWHERE } from "../c_memory.ts";

/** What `kmalloc(0)` gives: a pointer that is none, and is no failure. @see behaviour/c-api.md 13 */
const ZERO_SIZE = 16;

export const MEMORY_CALLS: Readonly<Record<"slab" | "mm", readonly CCallEntry[]>> = {
  slab: [
    {
      c: "void *kmalloc(size_t size, gfp_t gfp)",
      run(kernel, [size, gfp]) {
        kernel.maySleepBy(gfp);
        if (size === 0) return ZERO_SIZE;
        return kernel.heap.take(size, (gfp & GFP.ZERO) !== 0)?.at ?? 0;
      },
    },
    {
      c: "void *kvmalloc(size_t size, gfp_t gfp)",
      run(kernel, [size, gfp]) {
        kernel.maySleep();
        if (size === 0) return ZERO_SIZE;
        return kernel.heap.take(size, (gfp & GFP.ZERO) !== 0)?.at ?? 0;
      },
    },
    {
      c: "void kfree(const void *ptr)",
      run(kernel, [ptr]) {
        if (ptr === 0 || ptr === ZERO_SIZE) return;
        kernel.free(ptr);
      },
    },
  ],
  mm: [
    {
      c: "struct page *alloc_pages(gfp_t gfp, unsigned int order)",
      run(kernel, [gfp, order]) {
        kernel.maySleepBy(gfp);
        const block = kernel.heap.takePages(order, (gfp & GFP.ZERO) !== 0);
        return block === null ? 0 : kernel.pageAt(block.phys);
      },
    },
    {
      c: "void __free_pages(struct page *page, unsigned int order)",
      run(kernel, [page, _order]) {
        if (page === 0) return;
        const at = kernel.memory.pointerTo(kernel.pagePhys(page));
        kernel.free(at, page);
      },
    },
    {
      c: "unsigned long __get_free_pages(gfp_t gfp, unsigned int order)",
      run(kernel, [gfp, order]) {
        kernel.maySleepBy(gfp);
        return kernel.heap.takePages(order, (gfp & GFP.ZERO) !== 0)?.at ?? 0;
      },
    },
    {
      c: "void free_pages(unsigned long at, unsigned int order)",
      run(kernel, [at, _order]) {
        if (at !== 0) kernel.free(at);
      },
    },
    {
      c: "void *page_address(const struct page *page)",
      run: (kernel, [page]) => kernel.share(kernel.pagePhys(page), 1),
    },
    {
      c: "phys_addr_t virt_to_phys(const void *ptr)",
      run: (kernel, [ptr]) => kernel.phys(ptr),
    },
    {
      c: "void *phys_to_virt(phys_addr_t phys)",
      run(kernel, [phys]) {
        const at = kernel.memory.pointerTo(kernel.exact(phys, "address"));
        if (at === NOWHERE) throw kernel.crash(`phys_to_virt() is given ${hex(phys)}`);
        return at;
      },
    },
  ],
};

/* An architecture's flushes of address translations: the lab's processors keep none. */
#ifndef DMALAB_TREE_TLBFLUSH_H
#define DMALAB_TREE_TLBFLUSH_H

#define flush_tlb_all() ((void)0)
#define flush_tlb_mm(mm) ((void)(mm))
#define flush_tlb_page(vma, at) ((void)(vma), (void)(at))
#define flush_tlb_range(vma, start, end) ((void)(vma), (void)(start), (void)(end))
#define flush_tlb_kernel_range(start, end) ((void)(start), (void)(end))
#define __flush_tlb_all() ((void)0)
#define __flush_tlb() ((void)0)

#endif

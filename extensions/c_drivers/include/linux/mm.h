#ifndef DMALAB_LINUX_MM_H
#define DMALAB_LINUX_MM_H

#include <linux/kernel.h>
#include <linux/gfp.h>
#include <dmalab/memory_map.h>
#include <dmalab/calls/mm.h>

#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PAGE_ALIGN(x) ALIGN(x, PAGE_SIZE)
#define PFN_UP(x) (((x) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PFN_DOWN(x) ((x) >> PAGE_SHIFT)
#define PFN_PHYS(x) ((phys_addr_t)(x) << PAGE_SHIFT)
#define PHYS_PFN(x) ((unsigned long)((x) >> PAGE_SHIFT))
#define offset_in_page(p) ((unsigned long)(p) & (PAGE_SIZE - 1))

/* Nothing is known of its inside: `page + n` is the n-th page, as in every kernel with a map of all. */
struct page {
	unsigned char dmalab_opaque[DMALAB_PAGE_STRUCT_BYTES];
};

DMALAB_INLINE unsigned long page_to_pfn(const struct page *page)
{
	return ((unsigned long)page - DMALAB_PAGE_MAP) / sizeof(struct page);
}

DMALAB_INLINE struct page *pfn_to_page(unsigned long pfn)
{
	return (struct page *)(DMALAB_PAGE_MAP + pfn * sizeof(struct page));
}

DMALAB_INLINE phys_addr_t page_to_phys(const struct page *page)
{
	return PFN_PHYS(page_to_pfn(page));
}

DMALAB_INLINE struct page *phys_to_page(phys_addr_t phys)
{
	return pfn_to_page(PHYS_PFN(phys));
}

#define alloc_page(gfp) alloc_pages(gfp, 0)
#define alloc_pages_node(node, gfp, order) ((void)(node), alloc_pages(gfp, order))
#define dev_alloc_page() alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 0)
#define __free_page(page) __free_pages(page, 0)
#define page_size(page) (PAGE_SIZE << compound_order(page))
#define __get_free_page(gfp) __get_free_pages(gfp, 0)
#define get_zeroed_page(gfp) __get_free_pages((gfp) | __GFP_ZERO, 0)
#define free_page(at) free_pages(at, 0)
#define virt_to_page(p) phys_to_page(virt_to_phys(p))
#define kmap_local_page(page) page_address(page)
#define kunmap_local(p) ((void)(p))

DMALAB_INLINE int get_order(unsigned long size)
{
	return order_base_2(DIV_ROUND_UP(size, PAGE_SIZE));
}

#endif

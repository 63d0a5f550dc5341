/* x86's kinds of caching for pages: memory has one kind here. */
#ifndef DMALAB_TREE_SET_MEMORY_H
#define DMALAB_TREE_SET_MEMORY_H

#include <linux/set_memory.h>
struct page;
#define DMALAB_CACHING(kind) \
	static inline int set_memory_##kind(unsigned long at, int pages) { return 0; } \
	static inline int set_pages_##kind(struct page *page, int pages) { return 0; } \
	static inline int set_pages_array_##kind(struct page **list, int pages) { return 0; }
DMALAB_CACHING(uc)
DMALAB_CACHING(wc)
DMALAB_CACHING(wb)

#endif

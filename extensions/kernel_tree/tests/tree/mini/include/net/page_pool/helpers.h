#ifndef MINI_PAGE_POOL_H
#define MINI_PAGE_POOL_H
#include <linux/mm_types.h>
#include <linux/types.h>

typedef unsigned long netmem_ref;

struct page_pool {
	int out;
};

#define netmem_is_net_iov(memory) false
#define netmem_to_page(memory) ((struct page *)(memory))

struct page *page_pool_alloc_pages(struct page_pool *pool, gfp_t gfp);
void page_pool_put_unrefed_page(struct page_pool *pool, struct page *page, unsigned int bytes,
				bool in_poll);
void page_pool_destroy(struct page_pool *pool);
#endif

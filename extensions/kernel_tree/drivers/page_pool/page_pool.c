// SPDX-License-Identifier: MIT
/* Receive pages of a NIC from the tree's net/core/page_pool.c: taken, recycled, and the pool destroyed. */
#include <net/page_pool/helpers.h>

#define MOST_PAGES 64

static struct page_pool *pool;
static struct page *taken[MOST_PAGES];

/* A pool as NIC drivers make it: it maps its pages, and syncs them for the device. */
int pool_make(struct device *dev, unsigned int pages)
{
	struct page_pool_params params = {
		.flags = PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV,
		.pool_size = pages,
		.nid = NUMA_NO_NODE,
		.dev = dev,
		.dma_dir = DMA_FROM_DEVICE,
		.max_len = PAGE_SIZE,
	};

	pool = page_pool_create(&params);
	return PTR_ERR_OR_ZERO(pool);
}

/* A page for a slot of the receive ring. */
int pool_take(unsigned int slot)
{
	taken[slot] = page_pool_dev_alloc_pages(pool);
	return taken[slot] ? 0 : -ENOMEM;
}

dma_addr_t pool_addr(unsigned int slot) { return page_pool_get_dma_addr(taken[slot]); }

/* The network has read the page: it goes back, from the poll function itself or from elsewhere. */
void pool_put(unsigned int slot, bool in_poll)
{
	page_pool_put_full_page(pool, taken[slot], in_poll);
	taken[slot] = NULL;
}

void pool_destroy(void) { page_pool_destroy(pool); }

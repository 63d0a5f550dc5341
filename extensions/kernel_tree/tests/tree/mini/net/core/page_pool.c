/* A pool that counts its pages, and logs the kernel's line at once if some are out when it is destroyed. */
#include <linux/printk.h>
#include <net/page_pool/helpers.h>

struct page *lab_alloc_pages(gfp_t gfp, unsigned int order);
void lab_put_page(struct page *page);

struct page *page_pool_alloc_pages(struct page_pool *pool, gfp_t gfp)
{
	pool->out++;
	return lab_alloc_pages(gfp, 0);
}

void page_pool_put_unrefed_page(struct page_pool *pool, struct page *page, unsigned int bytes,
				bool in_poll)
{
	pool->out--;
	lab_put_page(page);
}

void page_pool_destroy(struct page_pool *pool)
{
	if (pool->out)
		pr_info("page_pool_release_retry() stalled pool shutdown: id 0, %d inflight 61 sec\n",
			pool->out);
}

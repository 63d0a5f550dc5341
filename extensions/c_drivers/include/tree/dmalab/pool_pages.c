/* Between a driver and the tree's own net/core/page_pool.c: the linker sends the driver's calls here (--wrap). */
#include <linux/version.h>
#include <net/page_pool/helpers.h>
#include <dmalab/lab.h>

void lab_page_taken(struct page_pool *pool, struct page *page);
void lab_page_returned(struct page *page);
void lab_pool_destroyed(struct page_pool *pool);
unsigned long lab_pages_out(void);
void lab_pages_show(void);

static struct page *taken(struct page_pool *pool, struct page *page)
{
	if (page)
		lab_page_taken(pool, page);
	return page;
}

static netmem_ref netmem_taken(struct page_pool *pool, netmem_ref memory)
{
	if (memory && !netmem_is_net_iov(memory))
		lab_page_taken(pool, netmem_to_page(memory));
	return memory;
}

static void returned(netmem_ref memory)
{
	if (!netmem_is_net_iov(memory))
		lab_page_returned(netmem_to_page(memory));
}

struct page *__real_page_pool_alloc_pages(struct page_pool *pool, gfp_t gfp);
struct page *__wrap_page_pool_alloc_pages(struct page_pool *pool, gfp_t gfp)
{
	return taken(pool, __real_page_pool_alloc_pages(pool, gfp));
}

netmem_ref __real_page_pool_alloc_netmems(struct page_pool *pool, gfp_t gfp);
netmem_ref __wrap_page_pool_alloc_netmems(struct page_pool *pool, gfp_t gfp)
{
	return netmem_taken(pool, __real_page_pool_alloc_netmems(pool, gfp));
}

struct page *__real_page_pool_alloc_frag(struct page_pool *pool, unsigned int *offset,
					 unsigned int bytes, gfp_t gfp);
struct page *__wrap_page_pool_alloc_frag(struct page_pool *pool, unsigned int *offset,
					 unsigned int bytes, gfp_t gfp)
{
	return taken(pool, __real_page_pool_alloc_frag(pool, offset, bytes, gfp));
}

netmem_ref __real_page_pool_alloc_frag_netmem(struct page_pool *pool, unsigned int *offset,
					      unsigned int bytes, gfp_t gfp);
netmem_ref __wrap_page_pool_alloc_frag_netmem(struct page_pool *pool, unsigned int *offset,
					      unsigned int bytes, gfp_t gfp)
{
	return netmem_taken(pool, __real_page_pool_alloc_frag_netmem(pool, offset, bytes, gfp));
}

/* The last fragment of a page; each before it was counted down by an inline function. */
void __real_page_pool_put_unrefed_netmem(struct page_pool *pool, netmem_ref memory,
					 unsigned int sync_bytes, bool in_poll);
void __wrap_page_pool_put_unrefed_netmem(struct page_pool *pool, netmem_ref memory,
					 unsigned int sync_bytes, bool in_poll)
{
	returned(memory);
	__real_page_pool_put_unrefed_netmem(pool, memory, sync_bytes, in_poll);
}

void __real_page_pool_put_unrefed_page(struct page_pool *pool, struct page *page,
				       unsigned int sync_bytes, bool in_poll);
void __wrap_page_pool_put_unrefed_page(struct page_pool *pool, struct page *page,
				       unsigned int sync_bytes, bool in_poll)
{
	lab_page_returned(page);
	__real_page_pool_put_unrefed_page(pool, page, sync_bytes, in_poll);
}

/* Of pages that have fragments elsewhere nothing is known after it. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
void __real_page_pool_put_netmem_bulk(netmem_ref *memory, u32 count);
void __wrap_page_pool_put_netmem_bulk(netmem_ref *memory, u32 count)
{
	u32 at;

	for (at = 0; at < count; at++)
		returned(memory[at]);
	__real_page_pool_put_netmem_bulk(memory, count);
}
#else
void __real_page_pool_put_page_bulk(struct page_pool *pool, void **pages, int count);
void __wrap_page_pool_put_page_bulk(struct page_pool *pool, void **pages, int count)
{
	int at;

	for (at = 0; at < count; at++)
		lab_page_returned(virt_to_head_page(pages[at]));
	__real_page_pool_put_page_bulk(pool, pages, count);
}
#endif

void __real_page_pool_destroy(struct page_pool *pool);
void __wrap_page_pool_destroy(struct page_pool *pool)
{
	if (pool)
		lab_pool_destroyed(pool);
	__real_page_pool_destroy(pool);
}

/* Pages that drivers have taken and that are not back: how many, and a line for each kind of taker and holder. */
LAB_FOR_SCENARIOS unsigned long pool_pages_out(void)
{
	return lab_pages_out();
}

LAB_FOR_SCENARIOS void pool_show(void)
{
	lab_pages_show();
}

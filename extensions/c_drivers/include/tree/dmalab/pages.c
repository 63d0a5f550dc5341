/* Pages: the tree's inline functions count the references of each, in its `struct page`. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/version.h>
#include <dmalab/lab.h>

struct page *lab_alloc_pages(gfp_t gfp, unsigned int order);
void lab_put_page(struct page *page);

static struct page *first_of(gfp_t gfp, unsigned int order)
{
	struct page *page = lab_alloc_pages(gfp, order);

	if (page)
		set_page_count(page, 1);
	return page;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
struct page *alloc_pages_node_noprof(int node, gfp_t gfp, unsigned int order)
#else
struct page *__alloc_pages_noprof(gfp_t gfp, unsigned int order, int node, nodemask_t *nodes)
#endif
{
	return first_of(gfp, order);
}

struct folio *__folio_alloc_noprof(gfp_t gfp, unsigned int order, int node, nodemask_t *nodes)
{
	return (struct folio *)first_of(gfp | __GFP_COMP, order);
}

unsigned long get_free_pages_noprof(gfp_t gfp, unsigned int order)
{
	struct page *page = first_of(gfp, order);

	return page ? (unsigned long)page_address(page) : 0;
}

/* Fills the array's empty places, up to the first one that no page is left for. Before 6.14 it fills a list as well. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
unsigned long alloc_pages_bulk_noprof(gfp_t gfp, int node, nodemask_t *nodes, int count,
				      struct page **pages)
#else
unsigned long alloc_pages_bulk_noprof(gfp_t gfp, int node, nodemask_t *nodes, int count,
				      struct list_head *list, struct page **pages)
#endif
{
	int number;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	for (number = 0; list && number < count; number++) {
		struct page *page = first_of(gfp, 0);

		if (!page)
			return number;
		list_add(&page->lru, list);
	}
	if (list)
		return number;
#endif

	for (number = 0; number < count; number++) {
		if (!pages[number])
			pages[number] = first_of(gfp, 0);
		if (!pages[number])
			break;
	}
	return number;
}

unsigned long get_zeroed_page_noprof(gfp_t gfp)
{
	return get_free_pages_noprof(gfp | __GFP_ZERO, 0);
}

/* The pages behind the bytes are freed with them, not at once. */
void *alloc_pages_exact_noprof(size_t bytes, gfp_t gfp)
{
	return (void *)get_free_pages_noprof(gfp, get_order(bytes));
}

void free_pages_exact(void *at, size_t bytes)
{
	free_pages((unsigned long)at, get_order(bytes));
}

void __free_pages(struct page *page, unsigned int order)
{
	if (page_count(page) < 2 || put_page_testzero(page))
		lab_put_page(page);
}

void free_pages(unsigned long at, unsigned int order)
{
	if (at)
		__free_pages(virt_to_page((void *)at), order);
}

/* The last reference is gone. */
void __folio_put(struct folio *folio)
{
	lab_put_page(&folio->page);
}

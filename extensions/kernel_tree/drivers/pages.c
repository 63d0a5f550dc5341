// SPDX-License-Identifier: MIT
/* Pages, allocated and freed by each function that a driver may call for it. */
#include <linux/gfp.h>
#include <linux/mm.h>

bool pages_zeroed(void)
{
	unsigned long at = get_zeroed_page(GFP_KERNEL);
	bool is_zero = at && !*(u64 *)at;

	free_page(at);
	return is_zero;
}

bool pages_exact(void)
{
	void *at = alloc_pages_exact(3 * PAGE_SIZE, GFP_KERNEL);

	if (!at)
		return false;
	free_pages_exact(at, 3 * PAGE_SIZE);
	return true;
}

bool pages_of_node(void)
{
	struct page *page = alloc_pages_node(0, GFP_KERNEL, 1);

	if (!page)
		return false;
	__free_pages(page, 1);
	return true;
}

bool pages_of_folio(void)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, 1);

	if (!folio)
		return false;
	folio_put(folio);
	return true;
}

/* References are left when it is freed. */
int pages_referenced(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	int left;

	if (!page)
		return 0;
	get_page(page);
	__free_page(page);
	left = page_count(page);
	put_page(page);
	return left;
}

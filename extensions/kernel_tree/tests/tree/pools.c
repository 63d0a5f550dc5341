/* Two pools of a driver, whose pages the network holds. */
#include <net/page_pool/helpers.h>

void lab_page_held(struct page *page, const char *holder);

static struct page_pool pools[2];
static struct page *pages[8];

static struct page *refill(int pool)
{
	return page_pool_alloc_pages(&pools[pool], 0xcc0);
}

void takes(int slot, int pool)
{
	pages[slot] = refill(pool);
}

void hands_on(int slot)
{
	lab_page_held(pages[slot], "the network");
}

void puts_back(int slot, int pool)
{
	page_pool_put_unrefed_page(&pools[pool], pages[slot], 0, false);
}

void destroys(int pool)
{
	page_pool_destroy(&pools[pool]);
}

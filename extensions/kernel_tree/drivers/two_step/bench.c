// SPDX-License-Identifier: MIT
/* Pages of a bench of the two-step API, no two of them adjacent, and the address that a device has for each. */
#include <linux/gfp.h>
#include <linux/mm.h>

#define MOST_PAGES 8

struct page *bench_pages[MOST_PAGES];
dma_addr_t bench_addrs[MOST_PAGES];
unsigned int bench_count;

void free_bench_pages(void);
int take_bench_pages(unsigned int count);

void free_bench_pages(void)
{
	while (bench_count)
		__free_pages(bench_pages[--bench_count], 1);
}

/* Every second page is used: each byte of page N is 0x20 + N. */
int take_bench_pages(unsigned int count)
{
	for (bench_count = 0; bench_count < count; bench_count++) {
		struct page *page = alloc_pages(GFP_KERNEL, 1);

		if (!page) {
			free_bench_pages();
			return -ENOMEM;
		}
		memset(page_address(page), 0x20 + bench_count, PAGE_SIZE);
		bench_pages[bench_count] = page;
	}
	return 0;
}

/* The device's address of the page, for scenarios. */
dma_addr_t page_addr(unsigned int number)
{
	return bench_addrs[number];
}

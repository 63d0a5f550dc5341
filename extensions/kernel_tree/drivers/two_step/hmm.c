// SPDX-License-Identifier: MIT
/* A list of pages, mapped for a device and unmapped by the tree's mm/hmm.c. */
#include "mm/hmm.c"
#include <linux/pci-p2pdma.h>

/* Of bench.c. */
#define MOST_PAGES 8
extern struct page *bench_pages[MOST_PAGES];
extern dma_addr_t bench_addrs[MOST_PAGES];
extern unsigned int bench_count;
int take_bench_pages(unsigned int count);
void free_bench_pages(void);

static struct hmm_dma_map map;

static void unmap_first(struct device *dev, unsigned int count)
{
	while (count)
		hmm_dma_unmap_pfn(dev, &map, --count);
}

/* The list's entries are those that hmm_range_fault() leaves for pages that may be written. */
int map_it(struct device *dev, unsigned int count)
{
	struct pci_p2pdma_map_state p2pdma = {};
	unsigned int number;
	int error = take_bench_pages(count);

	if (error)
		return error;
	/* A device that reaches less than all memory is refused. */
	error = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (error)
		goto free_pages;
	/* As dma_set_mask() does for a device that needs no syncs. */
	dev_set_dma_skip_sync(dev);
	error = hmm_dma_map_alloc(dev, &map, count, PAGE_SIZE);
	if (error)
		goto free_pages;
	for (number = 0; number < count; number++) {
		map.pfn_list[number] = page_to_pfn(bench_pages[number]) | HMM_PFN_VALID | HMM_PFN_WRITE;
		bench_addrs[number] = hmm_dma_map_pfn(dev, &map, number, &p2pdma);
		if (dma_mapping_error(dev, bench_addrs[number])) {
			unmap_first(dev, number);
			error = -EFAULT;
			goto free_map;
		}
	}
	return 0;
free_map:
	hmm_dma_map_free(dev, &map);
free_pages:
	free_bench_pages();
	return error;
}

bool is_one_range(void) { return dma_use_iova(&map.state); }

void unmap_it(struct device *dev)
{
	unmap_first(dev, bench_count);
	hmm_dma_map_free(dev, &map);
	free_bench_pages();
}

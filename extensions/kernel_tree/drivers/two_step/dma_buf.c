// SPDX-License-Identifier: MIT
/* Parts of a peer's BAR, mapped for an importer and unmapped by the tree's drivers/dma-buf/dma-buf-mapping.c. */
#include "drivers/dma-buf/dma-buf-mapping.c"

#define MOST_RANGES 4

static struct dma_buf buffer;
static struct dma_buf_attachment attachment = { .dmabuf = &buffer, .peer2peer = true };
static struct sg_table *mapped;

/* So many ranges of that size, from the BAR's beginning on, with as much left out behind each. */
int map_it(struct device *dev, struct device *exporter, phys_addr_t bar, unsigned int ranges, unsigned long bytes)
{
	struct pci_dev *pdev = to_pci_dev(exporter);
	struct phys_vec vec[MOST_RANGES];
	struct p2pdma_provider *provider;
	unsigned int number;
	int error = pcim_p2pdma_init(pdev);

	if (error)
		return error;
	provider = pcim_p2pdma_provider(pdev, 0);
	if (!provider)
		return -ENODEV;
	attachment.dev = dev;
	for (number = 0; number < ranges; number++) {
		vec[number].paddr = bar + 2 * number * bytes;
		vec[number].len = bytes;
	}
	mapped = dma_buf_phys_vec_to_sgt(&attachment, provider, vec, ranges, ranges * bytes, DMA_BIDIRECTIONAL);
	return PTR_ERR_OR_ZERO(mapped);
}

unsigned int entries(void) { return mapped->nents; }

dma_addr_t entry_addr(unsigned int number)
{
	struct scatterlist *entry = mapped->sgl;

	while (number--)
		entry = sg_next(entry);
	return sg_dma_address(entry);
}

void unmap_it(void) { dma_buf_free_sgt(&attachment, mapped, DMA_BIDIRECTIONAL); }

// SPDX-License-Identifier: MIT
/* Parts of a peer's BAR, mapped for an importer and unmapped by the tree's drivers/dma-buf/dma-buf-mapping.c. */
#include "drivers/dma-buf/dma-buf-mapping.c"

#define MOST_RANGES 8

static struct dma_buf buffer;
static struct dma_buf_attachment attachment = { .dmabuf = &buffer, .peer2peer = true };
static struct sg_table *mapped;
static struct phys_vec vec[MOST_RANGES];
static unsigned int ranges;
static unsigned long total;

void no_ranges(void)
{
	ranges = 0;
	total = 0;
}

void put_range(phys_addr_t at, unsigned long bytes)
{
	vec[ranges].paddr = at;
	vec[ranges++].len = bytes;
	total += bytes;
}

/* The ranges that were added, in their order. */
int map_ranges(struct device *dev, struct device *exporter)
{
	struct pci_dev *pdev = to_pci_dev(exporter);
	struct p2pdma_provider *provider;
	int error = pcim_p2pdma_init(pdev);

	if (error)
		return error;
	provider = pcim_p2pdma_provider(pdev, 0);
	if (!provider)
		return -ENODEV;
	attachment.dev = dev;
	mapped = dma_buf_phys_vec_to_sgt(&attachment, provider, vec, ranges, total, DMA_BIDIRECTIONAL);
	return PTR_ERR_OR_ZERO(mapped);
}

/* So many ranges of that size, from the BAR's beginning on, with as much left out behind each. */
int map_it(struct device *dev, struct device *exporter, phys_addr_t bar, unsigned int count, unsigned long bytes)
{
	unsigned int number;

	no_ranges();
	for (number = 0; number < count; number++)
		put_range(bar + 2 * number * bytes, bytes);
	return map_ranges(dev, exporter);
}

unsigned int entries(void) { return mapped->nents; }

static struct scatterlist *entry_at(unsigned int number)
{
	struct scatterlist *entry = mapped->sgl;

	while (number--)
		entry = sg_next(entry);
	return entry;
}

dma_addr_t entry_addr(unsigned int number) { return sg_dma_address(entry_at(number)); }

unsigned int entry_len(unsigned int number) { return sg_dma_len(entry_at(number)); }

void unmap_it(void) { dma_buf_free_sgt(&attachment, mapped, DMA_BIDIRECTIONAL); }

/* Lists that are chained, walked by pages, copied from and made of pages; calls that map beside the usual
 * ones. */
#include <linux/dma-mapping.h>
#include <linux/pci-p2pdma.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/version.h>

/* A list of five entries in two parts: the last one of the first part leads to the second. */
struct parts {
	struct scatterlist first[3];
	struct scatterlist second[3];
	struct page *pages[5];
	unsigned int mapped;
};

static struct parts *parts;
static struct sg_table table;

static void parts_free(void)
{
	int index;

	for (index = 0; index < 5; index++)
		if (parts->pages[index])
			__free_page(parts->pages[index]);
	kfree(parts);
	parts = NULL;
}

int parts_make(void)
{
	struct scatterlist *sg;
	int index = 0;

	parts = kzalloc(sizeof(*parts), GFP_KERNEL);
	if (!parts)
		return -ENOMEM;
	for (index = 0; index < 5; index++) {
		parts->pages[index] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!parts->pages[index]) {
			parts_free();
			return -ENOMEM;
		}
	}
	sg_init_table(parts->first, 3);
	sg_init_table(parts->second, 3);
	sg_chain(parts->first, 3, parts->second);
	for (sg = parts->first, index = 0; sg; sg = sg_next(sg), index++)
		sg_set_page(sg, parts->pages[index], 1000, 100);
	return sg_nents(parts->first);
}

/* What is asked of a list, two digits each. */
int parts_counts(void)
{
	int exact = sg_nents_for_len(parts->first, 2000), more = sg_nents_for_len(parts->first, 2001);
	int last = (int)(sg_last(parts->first, 5) - parts->second);

	if (sg_nents_for_len(parts->first, 5001) != -EINVAL || sg_nents_for_len(parts->first, 0) != 0)
		return -EINVAL;
	sg_unmark_end(&parts->second[2]);
	sg_mark_end(&parts->second[1]);
	exact = exact * 100 + more;
	exact = exact * 100 + last;
	exact = exact * 100 + sg_nents(parts->first);
	sg_unmark_end(&parts->second[1]);
	sg_mark_end(&parts->second[2]);
	return exact * 10 + sg_is_chain(&parts->first[2]);
}

int parts_map(struct device *dev)
{
	parts->mapped = dma_map_sg(dev, parts->first, 5, DMA_BIDIRECTIONAL);
	return (int)parts->mapped;
}

u64 parts_bytes(void)
{
	struct scatterlist *sg;
	u64 sum = 0;
	int index;

	for_each_sg(parts->first, sg, (int)parts->mapped, index)
		sum += sg_dma_len(sg);
	return sum;
}

void parts_unmap(struct device *dev)
{
	dma_unmap_sg(dev, parts->first, 5, DMA_BIDIRECTIONAL);
}

void parts_end(void)
{
	parts_free();
}

/* Fills the list from a buffer from a byte on, reads it back, and gives what differs; then how much. */
int parts_copy(u32 skip, u32 bytes)
{
	char *from = kmalloc(5000, GFP_KERNEL), *to = kzalloc(5000, GFP_KERNEL);
	u32 at, wrote, differing = 0;

	if (!from || !to) {
		kfree(from);
		kfree(to);
		return -ENOMEM;
	}
	for (at = 0; at < 5000; at++)
		from[at] = (char)(at % 251 + 1);
	wrote = (u32)sg_pcopy_from_buffer(parts->first, 5, from, bytes, skip);
	if (sg_copy_to_buffer(parts->first, 5, to, 5000) != 5000)
		wrote = 0;
	for (at = 0; at < wrote; at++)
		differing += to[skip + at] != from[at];
	if (skip > 0)
		differing += to[skip - 1] != 0;
	sg_zero_buffer(parts->first, 5, 5000, 0);
	if (sg_copy_to_buffer(parts->first, 5, to, 5000) != 5000 || to[skip] != 0)
		differing++;
	kfree(from);
	kfree(to);
	return differing ? -(int)differing : (int)wrote;
}

/* A walk over what the CPU sees: of each piece half is used up at first. */
int parts_walk(void)
{
	struct sg_mapping_iter miter;
	int pieces = 0;

	sg_miter_start(&miter, parts->first, 5, SG_MITER_ATOMIC | SG_MITER_TO_SG);
	if (!sg_miter_skip(&miter, 500))
		return -EINVAL;
	while (sg_miter_next(&miter)) {
		*(char *)miter.addr = 1;
		if (miter.length == 1000)
			miter.consumed = 600;
		pieces++;
	}
	sg_miter_stop(&miter);
	return pieces;
}

void parts_circle(struct device *dev)
{
	sg_chain(parts->second, 1, parts->second);
	dma_map_sg(dev, parts->first, 5, DMA_TO_DEVICE);
}

/* A table over four pages, of which the first three lie side by side. */
int from_pages(u32 count, u32 offset, u32 size, u32 most)
{
	struct page *row = alloc_pages(GFP_KERNEL, 2), *other = alloc_page(GFP_KERNEL);
	struct page *list[4] = { row, row + 1, row + 2, other };
	struct scatterlist *sg;
	int index, error = -ENOMEM, seen = 0;

	if (row && other)
		error = most ? sg_alloc_table_from_pages_segment(&table, list, count, offset, size, most, GFP_KERNEL)
			     : sg_alloc_table_from_pages(&table, list, count, offset, size, GFP_KERNEL);
	if (!error) {
		for_each_sgtable_sg(&table, sg, index)
			seen = seen * 100000 + (int)sg->length;
		sg_free_table(&table);
	}
	if (other)
		__free_page(other);
	if (row)
		__free_pages(row, 2);
	return error ? error : seen;
}

/* Pages of a mapped table, by the CPU's and by the device's side. */
int by_pages(struct device *dev)
{
	struct page *row = alloc_pages(GFP_KERNEL, 2);
	struct sg_dma_page_iter dma_iter;
	struct sg_page_iter iter;
	struct page *last = NULL;
	dma_addr_t dma = 0;
	int pages = 0, dma_pages = 0, holds = -ENOMEM;

	if (!row)
		return -ENOMEM;
	if (sg_alloc_table(&table, 2, GFP_KERNEL))
		goto free;
	sg_set_page(&table.sgl[0], row, 2 * PAGE_SIZE, 0);
	sg_set_page(&table.sgl[1], row + 2, 5000, 0);
	if (dma_map_sgtable(dev, &table, DMA_TO_DEVICE, 0))
		goto free_table;
	for_each_sgtable_page(&table, &iter, 1) {
		last = sg_page_iter_page(&iter);
		pages++;
	}
	for_each_sgtable_dma_page(&table, &dma_iter, 0) {
		dma = sg_page_iter_dma_address(&dma_iter);
		dma_pages++;
	}
	holds = pages * 100 + dma_pages * 10 + (last == row + 3) +
		2 * (dma == sg_dma_address(table.sgl) + 3 * PAGE_SIZE);
	dma_unmap_sgtable(dev, &table, DMA_TO_DEVICE, 0);
free_table:
	sg_free_table(&table);
free:
	__free_pages(row, 2);
	return holds;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
int parts_pieces(u32 most)
{
	return sg_nents_for_dma(parts->first, parts->mapped, most);
}
#endif

/* Registers of a peer as a device sees them. */
u64 resource(struct device *dev, phys_addr_t phys)
{
	dma_addr_t dma = dma_map_resource(dev, phys, 4096, DMA_BIDIRECTIONAL, 0);

	if (dma_mapping_error(dev, dma))
		return 0;
	dma_unmap_resource(dev, dma, 4096, DMA_BIDIRECTIONAL, 0);
	return dma;
}

/* Of a mapping before another one is bounced, of that one, and of the first after that. */
int needs_sync(struct device *dev, void *near, void *far)
{
	dma_addr_t one = dma_map_single(dev, near, 64, DMA_TO_DEVICE), other;
	int needs;

	if (dma_mapping_error(dev, one))
		return -ENOMEM;
	needs = dma_need_sync(dev, one) * 100;
	other = dma_map_single(dev, far, 64, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, other)) {
		dma_unmap_single(dev, one, 64, DMA_TO_DEVICE);
		return -ENOMEM;
	}
	needs += dma_need_sync(dev, other) * 10 + dma_need_sync(dev, one);
	dma_unmap_single(dev, one, 64, DMA_TO_DEVICE);
	dma_unmap_single(dev, other, 64, DMA_TO_DEVICE);
	return needs;
}

int coerces(struct device *dev)
{
	if (dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(36)))
		return -EIO;
	if (dma_set_coherent_mask(dev, DMA_BIT_MASK(34)))
		return -EIO;
	return fls64(dma_get_mask(dev)) + 100 * dma_pci_p2pdma_supported(dev);
}

int write_combined(struct device *dev)
{
	dma_addr_t dma;
	u32 *cpu = dma_alloc_wc(dev, 4096, &dma, GFP_KERNEL);
	int first;

	if (!cpu)
		return -ENOMEM;
	first = (int)cpu[1023];
	dma_free_wc(dev, 4096, cpu, dma);
	return first;
}

/* A list over memory of a peer, and over memory of its own: which output is an address of the bus. */
int bus_addresses(struct pci_dev *pdev, struct pci_dev *peer)
{
	void *there = pci_alloc_p2pmem(peer, 4096);
	struct page *here = alloc_page(GFP_KERNEL);
	struct scatterlist list[2];
	int seen = -ENOMEM;

	sg_init_table(list, 2);
	if (there && here) {
		sg_set_page(&list[0], virt_to_page(there), 4096, 0);
		sg_set_page(&list[1], here, 4096, 0);
		seen = (int)dma_map_sg(&pdev->dev, list, 2, DMA_FROM_DEVICE) * 100 +
		       sg_dma_is_bus_address(&list[0]) * 10 + sg_dma_is_bus_address(&list[1]);
		dma_unmap_sg(&pdev->dev, list, 2, DMA_FROM_DEVICE);
	}
	if (here)
		__free_page(here);
	if (there)
		pci_free_p2pmem(peer, there, 4096);
	return seen;
}

/* Memory that is handed over by syncs; zeroed, and the device's or the driver's by turns. */
static u32 *handed;
static dma_addr_t handed_dma;

int take_handed(struct device *dev, size_t size, u32 flags)
{
	handed = dma_alloc_noncoherent(dev, size, &handed_dma, DMA_BIDIRECTIONAL, GFP_KERNEL | flags);
	return handed ? (int)handed[size / 4 - 1] : -ENOMEM;
}

u64 hand_over(struct device *dev, u32 word)
{
	handed[0] = word;
	dma_sync_single_for_device(dev, handed_dma, 64, DMA_BIDIRECTIONAL);
	return handed_dma;
}

int take_back(struct device *dev)
{
	dma_sync_single_for_cpu(dev, handed_dma, 64, DMA_BIDIRECTIONAL);
	return (int)handed[0];
}

int peek_early(void)
{
	return (int)handed[0];
}

void give_handed(struct device *dev, size_t size)
{
	dma_free_noncoherent(dev, size, handed, handed_dma, DMA_BIDIRECTIONAL);
}

int after_handed(void)
{
	return (int)handed[0];
}

int handed_pages(struct device *dev)
{
	dma_addr_t dma;
	struct page *pages = dma_alloc_pages(dev, 3 * PAGE_SIZE, &dma, DMA_FROM_DEVICE, GFP_KERNEL);
	u32 *words;
	int last;

	if (!pages)
		return -ENOMEM;
	words = page_address(pages);
	last = (int)words[3 * PAGE_SIZE / 4 - 1] + (page_to_phys(pages + 2) == virt_to_phys(words) + 2 * PAGE_SIZE);
	dma_free_pages(dev, 3 * PAGE_SIZE, pages, dma, DMA_FROM_DEVICE);
	return last;
}

/* Memory that is shared: taken with attributes, used or not, freed with these or with others. */
int shared(struct device *dev, u32 attrs, u32 attrs_back, int uses)
{
	dma_addr_t dma;
	u32 *words = dma_alloc_attrs(dev, 8192, &dma, GFP_KERNEL, attrs);

	if (!words)
		return -ENOMEM;
	if (uses)
		words[1] = (u32)dma;
	dma_free_attrs(dev, 8192, words, dma, attrs_back);
	return 0;
}

int shared_compound(struct device *dev)
{
	dma_addr_t dma;

	return dma_alloc_coherent(dev, 4096, &dma, GFP_KERNEL | __GFP_COMP) ? 0 : -ENOMEM;
}

void shared_back_with_irqs_off(struct device *dev)
{
	dma_addr_t dma;
	void *words = dma_alloc_wc(dev, 4096, &dma, GFP_KERNEL);

	local_irq_disable();
	dma_free_wc(dev, 4096, words, dma);
	local_irq_enable();
}

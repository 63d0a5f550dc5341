/* Mistakes that are reported with the places of both calls. */
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/io.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

static const char letters[] = "abcdefghijklmnop";

/* Maps, and never unmaps. */
int over_lines(struct device *dev, void *data, size_t size)
{
	dma_addr_t at = dma_map_single(dev,
		data, /* (not the end */
		size,
		DMA_FROM_DEVICE);

	return dma_mapping_error(dev, at) ? -ENOMEM : 0;
}

int inside_another(struct device *dev, void *data)
{
	return WARN_ON(dma_mapping_error(dev,
		dma_map_single(dev, data, sizeof(")"), DMA_TO_DEVICE)));
}

dma_addr_t freed_block(struct device *dev, int again)
{
	struct dma_pool *pool = dma_pool_create("lists", dev, 64, 64, 0);
	dma_addr_t at;
	void *block = dma_pool_alloc(pool, GFP_KERNEL, &at);

	dma_pool_free(pool, block, at);
	if (again)
		dma_pool_alloc(pool, GFP_KERNEL, &at);
	return at;
}

/* The mask is refused: not all memory lies below 64 KiB. */
int mask_ignored(struct device *dev, void *data)
{
	dma_addr_t at;

	dma_set_mask(dev, DMA_BIT_MASK(16));
	at = dma_map_single(dev, data, 64, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, at))
		return -ENOMEM;
	dma_unmap_single(dev, at, 64, DMA_TO_DEVICE);
	return 0;
}

int mask_second(struct device *dev, void *data)
{
	dma_addr_t at;

	if (dma_set_mask(dev, DMA_BIT_MASK(16)) && dma_set_mask(dev, DMA_BIT_MASK(32)))
		return -EIO;
	at = dma_map_single(dev, data, 64, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, at))
		return -ENOMEM;
	dma_unmap_single(dev, at, 64, DMA_TO_DEVICE);
	return 0;
}

char read_letter(int index)
{
	return letters[index];
}

void write_letter(int index)
{
	char *volatile writable = (char *)letters;

	writable[index] = 'x';
}

u64 keeps(u64 value)
{
	return value;
}

u64 read_wide(void __iomem *regs)
{
	return readq(regs);
}

int leaks_first(struct device *dev, void *one, void *other)
{
	dma_addr_t first = dma_map_single(dev, one, 64, DMA_FROM_DEVICE), second;

	if (dma_mapping_error(dev, first))
		return -ENOMEM;
	second = dma_map_single(dev, other, 64, DMA_FROM_DEVICE);
	if (dma_mapping_error(dev, second))
		return *(volatile char *)one;
	dma_unmap_single(dev, second, 64, DMA_FROM_DEVICE);
	dma_unmap_single(dev, first, 64, DMA_FROM_DEVICE);
	return 0;
}

char write_literal(void)
{
	char *volatile writable = "text";

	writable[1] = 'x';
	return writable[0];
}

/* Writes in the CPU's turn to what may have a copy; the caller says how it maps and hands back. */
int writes_in_turn(struct device *dev, char *data, int dir, int attrs, int hands_back)
{
	dma_addr_t at = dma_map_single_attrs(dev, data, 64, dir, attrs);

	if (dma_mapping_error(dev, at))
		return -ENOMEM;
	if (!attrs)
		dma_sync_single_for_cpu(dev, at, 64, dir);
	data[7] = 42;
	if (hands_back)
		dma_sync_single_for_device(dev, at, 64, dir);
	dma_sync_single_for_cpu(dev, at, 64, dir);
	dma_unmap_single_attrs(dev, at, 64, dir, attrs);
	return data[7];
}

int writes_list_in_turn(struct device *dev, char *data)
{
	struct scatterlist entry;

	sg_init_one(&entry, data, 64);
	if (!dma_map_sg(dev, &entry, 1, DMA_FROM_DEVICE))
		return -ENOMEM;
	dma_sync_sg_for_cpu(dev, &entry, 1, DMA_FROM_DEVICE);
	data[7] = 42;
	dma_unmap_sg(dev, &entry, 1, DMA_FROM_DEVICE);
	return data[7];
}

/* A buffer in both directions: the CPU takes its first bytes. */
u64 maps_and_takes(struct device *dev, void *data)
{
	dma_addr_t at = dma_map_single(dev, data, 4096, DMA_BIDIRECTIONAL);

	if (dma_mapping_error(dev, at))
		return 0;
	dma_sync_single_for_cpu(dev, at, 64, DMA_BIDIRECTIONAL);
	return at;
}

void hands_back(struct device *dev, u64 at)
{
	dma_sync_single_for_device(dev, at, 64, DMA_BIDIRECTIONAL);
}

void ends(struct device *dev, u64 at)
{
	dma_unmap_single(dev, at, 4096, DMA_BIDIRECTIONAL);
}

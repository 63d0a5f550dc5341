/* Lists of buffers that a kernel may map as fewer ranges, and the mistakes that only then show. */
#include <linux/blk-mq.h>
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#define MOST 8

static struct scatterlist list[MOST];
static struct sg_table table;
static void *buffers[MOST];
static unsigned int count, mapped;
/* What the device is told. */
static struct {
	dma_addr_t addr;
	u32 len;
} told[MOST];

static void drop(void)
{
	while (count > 0)
		kfree(buffers[--count]);
}

static int fill(struct scatterlist *sgl, unsigned int entries, unsigned int len)
{
	struct scatterlist *sg;
	unsigned int index;

	for_each_sg(sgl, sg, entries, index) {
		buffers[index] = kzalloc(len, GFP_KERNEL);
		if (!buffers[index]) {
			drop();
			return -ENOMEM;
		}
		count++;
		sg_set_buf(sg, buffers[index], len);
	}
	return 0;
}

static void tell(struct scatterlist *sgl, unsigned int entries)
{
	struct scatterlist *sg;
	unsigned int index;

	for_each_sg(sgl, sg, entries, index) {
		told[index].addr = sg_dma_address(sg);
		told[index].len = sg_dma_len(sg);
	}
}

u64 address(int index) { return told[index].addr; }
u32 length(int index) { return told[index].len; }

/* Buffers whose bytes are not the same as in the device's data, 0, 1, 2, …, 255, 0, …. */
static int differing(struct device *dev, struct scatterlist *sgl, unsigned int len)
{
	unsigned int index, at, wrong = 0;

	dma_sync_sg_for_cpu(dev, sgl, count, DMA_FROM_DEVICE);
	for (index = 0; index < count; index++)
		for (at = 0; at < len; at++)
			if (((u8 *)buffers[index])[at] != (u8)(index * len + at)) {
				wrong++;
				break;
			}
	dma_sync_sg_for_device(dev, sgl, count, DMA_FROM_DEVICE);
	return wrong;
}

/* The same with a sync of each range that the device was told of. */
int differing_by_ranges(struct device *dev, unsigned int len)
{
	unsigned int index, at, wrong = 0;

	for (index = 0; index < mapped; index++)
		dma_sync_single_for_cpu(dev, told[index].addr, told[index].len, DMA_FROM_DEVICE);
	for (index = 0; index < count; index++)
		for (at = 0; at < len; at++)
			wrong += ((u8 *)buffers[index])[at] != (u8)(index * len + at);
	for (index = 0; index < mapped; index++)
		dma_sync_single_for_device(dev, told[index].addr, told[index].len, DMA_FROM_DEVICE);
	return wrong;
}

int differing_in_list(struct device *dev, unsigned int len) { return differing(dev, list, len); }
int differing_in_table(struct device *dev, unsigned int len) { return differing(dev, table.sgl, len); }

static int map_list(struct device *dev, unsigned int entries, unsigned int len)
{
	int err;

	sg_init_table(list, entries);
	err = fill(list, entries, len);
	if (err)
		return err;
	mapped = dma_map_sg(dev, list, entries, DMA_FROM_DEVICE);
	if (!mapped) {
		drop();
		return -EIO;
	}
	return 0;
}

/* Returns how many ranges the device is told of. */
int open_right(struct device *dev, int entries, unsigned int len)
{
	int err = map_list(dev, entries, len);

	if (err)
		return err;
	tell(list, mapped);
	return mapped;
}

/* The device is told of entries without a range. */
int open_telling_all(struct device *dev, int entries, unsigned int len)
{
	int err = map_list(dev, entries, len);

	if (err)
		return err;
	tell(list, entries);
	return entries;
}

void close_right(struct device *dev)
{
	dma_unmap_sg(dev, list, count, DMA_FROM_DEVICE);
	drop();
}

void close_by_ranges(struct device *dev)
{
	dma_unmap_sg(dev, list, mapped, DMA_FROM_DEVICE);
	drop();
}

static enum dma_data_direction asked;

/* A request's buffer. */
int map_request(struct device *dev, struct request *rq)
{
	unsigned int entries;

	sg_init_table(list, MOST);
	entries = blk_rq_map_sg(rq, list);
	asked = rq_dma_dir(rq);
	mapped = dma_map_sg(dev, list, entries, asked);
	if (!mapped)
		return -EIO;
	tell(list, mapped);
	return mapped;
}

void unmap_request_by_ranges(struct device *dev)
{
	dma_unmap_sg(dev, list, mapped, asked);
}

int open_table(struct device *dev, int entries, unsigned int len)
{
	int err = sg_alloc_table(&table, entries, GFP_KERNEL);

	if (err)
		return err;
	err = fill(table.sgl, entries, len);
	if (err)
		goto free;
	err = dma_map_sgtable(dev, &table, DMA_FROM_DEVICE, 0);
	if (err)
		goto drop;
	tell(table.sgl, table.nents);
	return table.nents;
drop:
	drop();
free:
	sg_free_table(&table);
	return err;
}

void close_table(struct device *dev)
{
	dma_unmap_sgtable(dev, &table, DMA_FROM_DEVICE, 0);
	drop();
	sg_free_table(&table);
}

void close_table_by_ranges(struct device *dev)
{
	dma_unmap_sg(dev, table.sgl, table.nents, DMA_FROM_DEVICE);
	drop();
	sg_free_table(&table);
}

/* The result of setting the mask is not looked at. */
int masked_single(struct device *dev)
{
	void *buffer = kmalloc(64, GFP_KERNEL);
	dma_addr_t dma;

	if (!buffer)
		return -ENOMEM;
	dma_set_mask(dev, DMA_BIT_MASK(64));
	dma = dma_map_single(dev, buffer, 64, DMA_TO_DEVICE);
	if (!dma_mapping_error(dev, dma))
		dma_unmap_single(dev, dma, 64, DMA_TO_DEVICE);
	kfree(buffer);
	return 0;
}

int masked_list(struct device *dev)
{
	dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (open_right(dev, 2, 512) < 0)
		return -ENOMEM;
	close_right(dev);
	return 0;
}

int masked_pool(struct device *dev)
{
	struct dma_pool *pool;
	dma_addr_t dma;
	void *block;

	dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
	pool = dma_pool_create("masked", dev, 64, 64, 0);
	if (!pool)
		return -ENOMEM;
	block = dma_pool_alloc(pool, GFP_KERNEL, &dma);
	if (block)
		dma_pool_free(pool, block, dma);
	dma_pool_destroy(pool);
	return 0;
}

int masked_pages(struct device *dev)
{
	dma_addr_t dma;
	struct page *page;

	dma_set_mask(dev, DMA_BIT_MASK(64));
	page = dma_alloc_pages(dev, 4096, &dma, DMA_TO_DEVICE, GFP_KERNEL);
	if (page)
		dma_free_pages(dev, 4096, page, dma, DMA_TO_DEVICE);
	return 0;
}

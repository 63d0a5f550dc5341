#include <linux/dma-mapping.h>
#include <linux/mm_types.h>
#include <linux/pci.h>

int toy_missing(int value);

int name_letter(struct device *dev)
{
	return dev->init_name[0];
}

int page_bytes(void)
{
	return sizeof(struct page);
}

int answered(void)
{
	return toy_missing(7);
}

struct pair {
	unsigned char kind;
	int count;
};

static __attribute__((noinline)) int sum_of_pair(struct pair pair)
{
	return pair.kind + pair.count;
}

static __attribute__((noinline)) int passes_on(struct pair pair)
{
	return sum_of_pair(pair) + pair.kind;
}

int given_by_value(int kind, int count)
{
	struct pair pair = { kind, count };

	return passes_on(pair);
}

/* The host's clock stands still. */
int built_at(void)
{
	return __builtin_strcmp(__DATE__ " " __TIME__, "Jan  1 1970 00:00:00");
}

/* Nothing is computed for the inline function: only its call says the line. */
int leave_mapped(struct device *dev, void *buf)
{
	toy_missing(1);
	dma_map_single(dev, buf, 64, DMA_TO_DEVICE);
	return toy_missing(2);
}

int toy_absent(void);

int calls_absent(void)
{
	return toy_absent();
}

/* A byte of a buffer that is mapped, read between the syncs of the tree's inline functions. */
int read_synced(struct device *dev, void *buf)
{
	dma_addr_t addr = dma_map_single(dev, buf, 64, DMA_FROM_DEVICE);
	int first;

	if (dma_mapping_error(dev, addr))
		return -1;
	dma_sync_single_for_cpu(dev, addr, 64, DMA_FROM_DEVICE);
	first = *(unsigned char *)buf;
	dma_unmap_single(dev, addr, 64, DMA_FROM_DEVICE);
	return first;
}

#include <linux/dma-mapping.h>

int nothing(int n)
{
	return n + 1;
}

int map_unmap(struct device *dev, void *data, size_t size, int turns)
{
	int turn;

	for (turn = 0; turn < turns; turn++) {
		dma_addr_t dma = dma_map_single(dev, data, size, DMA_TO_DEVICE);

		if (dma_mapping_error(dev, dma))
			return -ENOMEM;
		dma_unmap_single(dev, dma, size, DMA_TO_DEVICE);
	}
	return 0;
}

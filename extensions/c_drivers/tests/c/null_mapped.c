#include <linux/dma-mapping.h>
#include <linux/slab.h>

/* An allocation whose failure nobody looked at. */
int null_mapped(struct device *dev) { return !dma_map_single(dev, NULL, 4096, DMA_TO_DEVICE); }

/* Memory of no bytes. */
int nothing_mapped(struct device *dev)
{
	return !dma_map_single(dev, kmalloc(0, GFP_KERNEL), 16, DMA_TO_DEVICE);
}

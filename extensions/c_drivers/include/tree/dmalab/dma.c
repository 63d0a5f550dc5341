/* Mapping calls by the tree's own structures. */
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/scatterlist.h>
#include <dmalab/lab.h>

int dma_map_sgtable(struct device *dev, struct sg_table *sgt, enum dma_data_direction dir,
		    unsigned long attrs)
{
	int mapped = lab_dma_map_sgtable_attrs(dev, sgt->sgl, sgt->orig_nents, dir, attrs);

	if (mapped < 0)
		return mapped;
	sgt->nents = mapped;
	return 0;
}
EXPORT_SYMBOL(dma_map_sgtable);

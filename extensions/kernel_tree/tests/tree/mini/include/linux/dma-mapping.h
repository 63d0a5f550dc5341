#ifndef MINI_DMA_MAPPING_H
#define MINI_DMA_MAPPING_H
#include <linux/mm_types.h>
#include <asm/page.h>
#include <linux/device.h>

enum dma_data_direction {
	DMA_BIDIRECTIONAL,
	DMA_TO_DEVICE,
	DMA_FROM_DEVICE,
};
struct device;
dma_addr_t dma_map_page_attrs(struct device *dev, struct page *page, size_t offset, size_t size,
			      enum dma_data_direction dir, unsigned long attrs);
void dma_unmap_page_attrs(struct device *dev, dma_addr_t addr, size_t size,
			  enum dma_data_direction dir, unsigned long attrs);
void debug_dma_mapping_error(struct device *dev, dma_addr_t addr);
static inline dma_addr_t dma_map_single(struct device *dev, void *buf, size_t size,
					enum dma_data_direction dir)
{
	return dma_map_page_attrs(dev, virt_to_page(buf), (unsigned long)buf & ~PAGE_MASK, size,
				  dir, 0);
}
static inline void dma_unmap_single(struct device *dev, dma_addr_t addr, size_t size,
				    enum dma_data_direction dir)
{
	dma_unmap_page_attrs(dev, addr, size, dir, 0);
}
void __dma_sync_single_for_cpu(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir);
static inline void dma_sync_single_for_cpu(struct device *dev, dma_addr_t addr, size_t size,
					   enum dma_data_direction dir)
{
	__dma_sync_single_for_cpu(dev, addr, size, dir);
}
static inline int dma_mapping_error(struct device *dev, dma_addr_t addr)
{
	debug_dma_mapping_error(dev, addr);
	return addr == ~0ul ? -12 : 0;
}
static inline void dma_set_min_align_mask(struct device *dev, unsigned int mask)
{
	dev->dma_parms->min_align_mask = mask;
}
#endif

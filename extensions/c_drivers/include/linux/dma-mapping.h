#ifndef DMALAB_LINUX_DMA_MAPPING_H
#define DMALAB_LINUX_DMA_MAPPING_H

#include <linux/device.h>
#include <linux/dma-direction.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <dmalab/dma_attrs.h>

#define DMA_MAPPING_ERROR (~(dma_addr_t)0)
#define DMA_BIT_MASK(n) ((n) == 64 ? ~0ULL : (1ULL << ((n) % 64)) - 1)

/* The state of a range of the two-step API: its address and its size, of which the kernel keeps the
 * top bit for itself. */
struct dma_iova_state {
	dma_addr_t addr;
	u64 __size;
};

#include <dmalab/calls/dma-mapping.h>
#include <dmalab/calls/dmam.h>
#include <dmalab/layouts.h>

DMALAB_INLINE bool valid_dma_direction(int dir)
{
	return dir == DMA_BIDIRECTIONAL || dir == DMA_TO_DEVICE || dir == DMA_FROM_DEVICE;
}

#define dma_map_single(dev, ptr, size, dir) dma_map_single_attrs(dev, ptr, size, dir, 0)
#define dma_unmap_single(dev, dma, size, dir) dma_unmap_single_attrs(dev, dma, size, dir, 0)
#define dma_map_page(dev, page, offset, size, dir) dma_map_page_attrs(dev, page, offset, size, dir, 0)
#define dma_unmap_page(dev, dma, size, dir) dma_unmap_page_attrs(dev, dma, size, dir, 0)
#define dma_map_bvec(dev, bv, dir, attrs) \
	dma_map_page_attrs(dev, (bv)->bv_page, (bv)->bv_offset, (bv)->bv_len, dir, attrs)
#define dma_map_sg(dev, sg, nents, dir) dma_map_sg_attrs(dev, sg, nents, dir, 0)
#define dma_unmap_sg(dev, sg, nents, dir) dma_unmap_sg_attrs(dev, sg, nents, dir, 0)
#define dma_alloc_wc(dev, size, handle, gfp) \
	dma_alloc_attrs(dev, size, handle, gfp, DMA_ATTR_WRITE_COMBINE)
#define dma_free_wc(dev, size, cpu, handle) \
	dma_free_attrs(dev, size, cpu, handle, DMA_ATTR_WRITE_COMBINE)
#define dma_sync_single_range_for_cpu(dev, dma, offset, size, dir) \
	dma_sync_single_for_cpu(dev, (dma) + (offset), size, dir)
#define dma_sync_single_range_for_device(dev, dma, offset, size, dir) \
	dma_sync_single_for_device(dev, (dma) + (offset), size, dir)

#define DEFINE_DMA_UNMAP_ADDR(name) dma_addr_t name
#define DEFINE_DMA_UNMAP_LEN(name) u32 name
#define dma_unmap_addr(p, name) ((p)->name)
#define dma_unmap_addr_set(p, name, value) (((p)->name) = (value))
#define dma_unmap_len(p, name) ((p)->name)
#define dma_unmap_len_set(p, name, value) (((p)->name) = (value))

DMALAB_INLINE bool dma_use_iova(struct dma_iova_state *state)
{
	return state->__size != 0;
}

DMALAB_INLINE size_t dma_iova_size(struct dma_iova_state *state)
{
	return state->__size & ~(1ULL << 63);
}

DMALAB_INLINE int dmalab_sgtable_mapped(struct sg_table *sgt, int mapped)
{
	if (mapped < 0)
		return mapped;
	sgt->nents = (unsigned int)mapped;
	return 0;
}

#define dma_map_sgtable(dev, sgt, dir, attrs) \
	dmalab_sgtable_mapped(sgt, dma_map_sgtable_attrs(dev, (sgt)->sgl, (int)(sgt)->orig_nents, dir, attrs))
#define dma_unmap_sgtable(dev, sgt, dir, attrs) \
	dma_unmap_sg_attrs(dev, (sgt)->sgl, (int)(sgt)->orig_nents, dir, attrs)
#define dma_sync_sgtable_for_cpu(dev, sgt, dir) \
	dma_sync_sg_for_cpu(dev, (sgt)->sgl, (int)(sgt)->orig_nents, dir)
#define dma_sync_sgtable_for_device(dev, sgt, dir) \
	dma_sync_sg_for_device(dev, (sgt)->sgl, (int)(sgt)->orig_nents, dir)

#endif

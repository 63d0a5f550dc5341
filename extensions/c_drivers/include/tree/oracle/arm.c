/* A domain whose page table is the tree's for Arm SMMUs. What warns once warns each time, as the golden data count. */
#include <linux/bug.h>
#include <linux/once_lite.h>
#undef DO_ONCE_LITE_IF
#define DO_ONCE_LITE_IF(condition, warn, ...)           \
	({                                              \
		bool is_met = !!(condition);            \
		if (is_met)                             \
			warn(__VA_ARGS__);              \
		unlikely(is_met);                       \
	})
#include "drivers/iommu/io-pgtable-arm.c"
#include "oracle/flush.h"
#include <linux/io-pgtable.h>

/* A call to the format, with the bytes that it did; phys is -1 for an unmap. */
void lab_call(unsigned long iova, unsigned long phys, unsigned long size, unsigned long count, unsigned long done);

static struct iommu_domain lab_domain;
static struct io_pgtable_ops *lab_pages;
static struct io_pgtable_cfg lab_cfg;

static void lab_flush_context(void *cookie)
{
	lab_flush(LAB_ALL, 0, 0);
}

static void lab_flush_walk(unsigned long iova, size_t size, size_t granule, void *cookie)
{
	lab_flush(LAB_WALK, iova, iova + size - 1);
}

static void lab_add_page(struct iommu_iotlb_gather *gather, unsigned long iova, size_t granule, void *cookie)
{
	iommu_iotlb_gather_add_page(&lab_domain, gather, iova, granule);
}

static const struct iommu_flush_ops lab_flush_ops = {
	.tlb_flush_all = lab_flush_context,
	.tlb_flush_walk = lab_flush_walk,
	.tlb_add_page = lab_add_page,
};

static int lab_map(struct iommu_domain *domain, unsigned long iova, phys_addr_t phys, size_t size,
		   size_t count, int prot, gfp_t gfp, size_t *mapped)
{
	const size_t before = *mapped;
	const int error = lab_pages->map_pages(lab_pages, iova, phys, size, count, prot, gfp, mapped);

	lab_call(iova, phys, size, count, *mapped - before);
	return error;
}

static size_t lab_unmap(struct iommu_domain *domain, unsigned long iova, size_t size, size_t count,
			struct iommu_iotlb_gather *gather)
{
	const size_t done = lab_pages->unmap_pages(lab_pages, iova, size, count, gather);

	lab_call(iova, -1, size, count, done);
	return done;
}

static phys_addr_t lab_lookup(struct iommu_domain *domain, dma_addr_t iova)
{
	return lab_pages->iova_to_phys(lab_pages, iova);
}

static const struct iommu_domain_ops lab_ops_arm = {
	.map_pages = lab_map,
	.unmap_pages = lab_unmap,
	.iova_to_phys = lab_lookup,
	.flush_iotlb_all = lab_flush_all,
	.iotlb_sync = lab_sync,
};

struct iommu_domain *lab_arm_domain(unsigned int bits, unsigned int phys_bits, unsigned long page_sizes)
{
	lab_cfg.pgsize_bitmap = page_sizes;
	lab_cfg.ias = bits;
	lab_cfg.oas = phys_bits;
	lab_cfg.coherent_walk = true;
	lab_cfg.tlb = &lab_flush_ops;
	lab_pages = alloc_io_pgtable_ops(ARM_64_LPAE_S1, &lab_cfg, NULL);
	if (!lab_pages)
		return NULL;
	lab_domain.type = IOMMU_DOMAIN_UNMANAGED;
	lab_domain.ops = &lab_ops_arm;
	lab_domain.pgsize_bitmap = lab_cfg.pgsize_bitmap;
	lab_domain.geometry.aperture_end = (1UL << lab_cfg.ias) - 1;
	lab_domain.geometry.force_aperture = true;
	return &lab_domain;
}

unsigned long lab_arm_top(void)
{
	return lab_cfg.arm_lpae_s1_cfg.ttbr;
}

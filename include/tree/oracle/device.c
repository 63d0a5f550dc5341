/* A PCI device, alone in its IOMMU group, with a domain whose page table is the tree's own. */
#include "drivers/iommu/iommu.c"
#include "drivers/iommu/iommu-pages.h"
#include <linux/dma-map-ops.h>
#include <linux/memblock.h>
#include <linux/swiotlb.h>
#include <linux/generic_pt/iommu.h>

enum lab_format { LAB_VTDSS, LAB_AMDV1, LAB_X86_64 };
enum lab_flush { LAB_RANGE, LAB_ALL };
void lab_flush(enum lab_flush what, unsigned long first, unsigned long last);

static struct pci_dev lab_pci;
static struct pci_host_bridge lab_bridge;
static struct device_dma_parameters lab_parameters;
static u64 lab_mask;
static struct iommu_group lab_group;
static struct dev_iommu lab_dev_iommu;
static struct iommu_device lab_unit;
static DEFINE_SPINLOCK(lab_top);

static struct {
	unsigned long start, bytes;
} lab_reserved[16];
static int lab_reserved_count;

static union {
	struct iommu_domain domain;
	struct pt_iommu_vtdss vtdss;
	struct pt_iommu_amdv1 amdv1;
	struct pt_iommu_x86_64 x86_64;
} lab_table;

struct pci_host_bridge *pci_find_host_bridge(struct pci_bus *bus)
{
	return &lab_bridge;
}

static void lab_change_top(struct pt_iommu *table, phys_addr_t top, unsigned int level)
{
}

static spinlock_t *lab_top_lock(struct pt_iommu *table)
{
	return &lab_top;
}

static const struct pt_iommu_driver_ops lab_driver_ops = {
	.change_top = lab_change_top,
	.get_top_lock = lab_top_lock,
};

static void lab_flush_all(struct iommu_domain *domain)
{
	lab_flush(LAB_ALL, 0, 0);
}

static void lab_sync(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	lab_flush(LAB_RANGE, gather->start, gather->end);
	iommu_put_pages_list(&gather->freelist);
}

#define LAB_FORMAT(format)                                  \
	static const struct iommu_domain_ops lab_ops_##format = { \
		IOMMU_PT_DOMAIN_OPS(format),                    \
		.flush_iotlb_all = lab_flush_all,               \
		.iotlb_sync = lab_sync,                         \
	}
LAB_FORMAT(vtdss);
LAB_FORMAT(amdv1);
LAB_FORMAT(x86_64);

static bool lab_capable(struct device *dev, enum iommu_cap cap)
{
	return cap == IOMMU_CAP_CACHE_COHERENCY || cap == IOMMU_CAP_DEFERRED_FLUSH;
}

static void lab_regions(struct device *dev, struct list_head *list)
{
	int at;

	for (at = 0; at < lab_reserved_count; at++) {
		struct iommu_resv_region *region = iommu_alloc_resv_region(
			lab_reserved[at].start, lab_reserved[at].bytes, 0,
			IOMMU_RESV_RESERVED, GFP_KERNEL);

		list_add_tail(&region->list, list);
	}
}

static const struct iommu_ops lab_ops = {
	.capable = lab_capable,
	.get_resv_regions = lab_regions,
};

void lab_reserve(unsigned long start, unsigned long bytes)
{
	lab_reserved[lab_reserved_count].start = start;
	lab_reserved[lab_reserved_count++].bytes = bytes;
}

struct device *lab_device(unsigned long mask, unsigned long bus_limit, bool is_untrusted, unsigned long ram_bytes)
{
	struct device *dev = &lab_pci.dev;

	max_pfn = ram_bytes >> PAGE_SHIFT;
	INIT_LIST_HEAD(&lab_bridge.windows);
	INIT_LIST_HEAD(&lab_bridge.dma_ranges);
	lab_mask = mask;
	dev->bus = &pci_bus_type;
	dev->init_name = "device";
	dev->dma_mask = &lab_mask;
	dev->coherent_dma_mask = mask;
	dev->bus_dma_limit = bus_limit;
	dev->dma_parms = &lab_parameters;
	lab_pci.untrusted = is_untrusted;
	swiotlb_dev_init(dev);
	return dev;
}

void lab_limits(unsigned long min_align_mask, unsigned long boundary_mask, unsigned long max_segment)
{
	lab_parameters.min_align_mask = min_align_mask;
	lab_parameters.segment_boundary_mask = boundary_mask;
	lab_parameters.max_segment_size = max_segment;
}

static int lab_make_table(enum lab_format format, unsigned int bits)
{
	const struct pt_iommu_cfg common = {
		.features = BIT(PT_FEAT_FLUSH_RANGE),
		.hw_max_vasz_lg2 = bits,
		.hw_max_oasz_lg2 = 52,
	};
	const unsigned int top = bits > 48 ? 4 : bits > 39 ? 3 : 2;

	lab_table.vtdss.iommu.nid = NUMA_NO_NODE;
	lab_table.vtdss.iommu.driver_ops = &lab_driver_ops;
	if (format == LAB_VTDSS) {
		struct pt_iommu_vtdss_cfg cfg = { .common = common, .top_level = top };

		lab_table.domain.ops = &lab_ops_vtdss;
		return pt_iommu_vtdss_init(&lab_table.vtdss, &cfg, GFP_KERNEL);
	}
	if (format == LAB_X86_64) {
		struct pt_iommu_x86_64_cfg cfg = { .common = common, .top_level = top };

		cfg.common.features |= BIT(PT_FEAT_SIGN_EXTEND);
		lab_table.domain.ops = &lab_ops_x86_64;
		return pt_iommu_x86_64_init(&lab_table.x86_64, &cfg, GFP_KERNEL);
	}
	struct pt_iommu_amdv1_cfg cfg = { .common = common, .starting_level = 2 };

	cfg.common.features |= BIT(PT_FEAT_DYNAMIC_TOP);
	lab_table.domain.ops = &lab_ops_amdv1;
	return pt_iommu_amdv1_init(&lab_table.amdv1, &cfg, GFP_KERNEL);
}

/* Puts the device behind the IOMMU. */
struct iommu_domain *lab_attach(enum lab_format format, unsigned int bits, unsigned long page_sizes,
				bool is_lazy, bool is_shadowed)
{
	struct iommu_domain *domain = &lab_table.domain;
	struct device *dev = &lab_pci.dev;

	if (lab_make_table(format, bits))
		return NULL;
	if (page_sizes)
		domain->pgsize_bitmap = page_sizes;
	domain->type = is_lazy ? IOMMU_DOMAIN_DMA_FQ : IOMMU_DOMAIN_DMA;
	domain->owner = &lab_ops;
	lab_unit.ops = &lab_ops;
	lab_dev_iommu.iommu_dev = &lab_unit;
	lab_dev_iommu.shadow_on_flush = is_shadowed;
	lab_group.domain = lab_group.default_domain = domain;
	dev->iommu = &lab_dev_iommu;
	dev->iommu_group = &lab_group;
	if (iommu_get_dma_cookie(domain))
		return NULL;
	iommu_setup_dma_ops(dev, domain);
	return dev_dma_iommu(dev) ? domain : NULL;
}

/* A PCI device begins with it. */
void lab_prefer_low(bool is_preferred)
{
	lab_dev_iommu.pci_32bit_workaround = is_preferred;
}

bool lab_prefers_low(void)
{
	return lab_dev_iommu.pci_32bit_workaround;
}

unsigned long lab_aperture_end(void)
{
	return lab_table.domain.geometry.aperture_end;
}

void lab_list_set(struct scatterlist *list, unsigned int index, phys_addr_t phys, unsigned int bytes)
{
	sg_set_page(list + index, pfn_to_page(phys >> PAGE_SHIFT), bytes, phys & ~PAGE_MASK);
}

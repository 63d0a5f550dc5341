// SPDX-License-Identifier: MIT
/* Asks a tree's VT-d driver, which is compiled with this file, about the domain that it gives a device. */
#include <linux/acpi.h>
#include <linux/iommu.h>
#include <linux/pci.h>

/* The driver looks for devices of ACPI; there is none. */
struct acpi_device_physical_node {
	struct list_head node;
	struct device *dev;
};
struct acpi_device {
	struct device dev;
	struct mutex physical_node_lock;
	struct list_head physical_node_list;
};
static const struct bus_type acpi_bus_type;
#define to_acpi_device(d) container_of(d, struct acpi_device, dev)
#undef ACPI_COMPANION
#define ACPI_COMPANION(d) ((struct acpi_device *)NULL)

#include "drivers/iommu/intel/iommu.c"

/* What the driver submits to the invalidation queue. */
static struct qi_desc submitted;
static unsigned int submissions;

int qi_submit_sync(struct intel_iommu *iommu, struct qi_desc *desc, unsigned int count,
		   unsigned long options)
{
	submitted = *desc;
	submissions += count;
	return 0;
}

static struct intel_iommu unit;
static struct device_domain_info info;
static struct dev_iommu of_device;
static struct dmar_domain *domain;
static struct q_inval queue;
static struct qi_batch batch;

/* Capabilities of a unit, by the bits of VT-d 11.4.2 and 11.4.3. */
#define CAP_CACHING_MODE BIT_ULL(7)
#define CAP_SAGAW(levels) BIT_ULL(8 + (levels) - 2)
#define CAP_MGAW(bits) ((u64)((bits) - 1) << 16)
#define CAP_LARGE_PAGES (3ull << 34)
#define CAP_INVALIDATES_PAGES BIT_ULL(39)
#define CAP_MAX_MASK(bits) ((u64)(bits) << 48)
#define CAP_FIRST_STAGE_1GIB BIT_ULL(56)
#define CAP_FIRST_STAGE_5_LEVELS BIT_ULL(60)
#define ECAP_COHERENT BIT_ULL(0)
#define ECAP_QUEUED BIT_ULL(1)
#define ECAP_SCALABLE BIT_ULL(43)
#define ECAP_SECOND_STAGE BIT_ULL(46)
#define ECAP_FIRST_STAGE BIT_ULL(47)
#define ECAP_COHERENT_TABLES BIT_ULL(48)

/* Makes the domain of a device behind such a unit. */
int vtd_make(struct pci_dev *dev, bool scalable, bool first_stage, int levels, bool caching)
{
	struct iommu_domain *made;

	unit.cap = CAP_SAGAW(levels) | CAP_MGAW(levels == 5 ? 57 : 48) | CAP_LARGE_PAGES |
		   CAP_INVALIDATES_PAGES | CAP_MAX_MASK(9) | CAP_FIRST_STAGE_1GIB;
	if (caching)
		unit.cap |= CAP_CACHING_MODE;
	if (levels == 5)
		unit.cap |= CAP_FIRST_STAGE_5_LEVELS;
	unit.ecap = ECAP_COHERENT | ECAP_QUEUED;
	if (scalable)
		unit.ecap |= ECAP_SCALABLE | ECAP_SECOND_STAGE | ECAP_COHERENT_TABLES;
	if (first_stage)
		unit.ecap |= ECAP_FIRST_STAGE;
	unit.agaw = levels - 2;
	unit.msagaw = levels - 2;
	unit.qi = &queue;
	intel_iommu_sm = scalable;
	info.iommu = &unit;
	info.dev = &dev->dev;
	of_device.priv = &info;
	dev->dev.iommu = &of_device;
	made = intel_iommu_ops.domain_alloc_paging_flags(&dev->dev, 0, NULL);
	if (IS_ERR(made))
		return PTR_ERR(made);
	domain = to_dmar_domain(made);
	domain->qi_batch = &batch;
	return 0;
}

int vtd_address_bits(void)
{
	return fls64(domain->domain.geometry.aperture_end);
}

/* Whether the IOTLB is invalidated after each map. */
int vtd_invalidates_maps(void)
{
	return domain->iotlb_sync_map;
}

static struct cache_tag tag;

/* Invalidates a range as an unmap does: the type of the one descriptor, or how many there were, negative. */
int vtd_invalidate(u64 page, u64 bytes)
{
	u64 iova;

	tag.type = CACHE_TAG_IOTLB;
	tag.iommu = &unit;
	tag.dev = unit.iommu.dev;
	tag.pasid = IOMMU_NO_PASID;
	list_add(&tag.node, &domain->cache_tags);
	submissions = 0;
	iova = page << VTD_PAGE_SHIFT;
	cache_tag_flush_range(domain, iova, iova + bytes - 1, 0);
	list_del(&tag.node);
	return submissions == 1 ? submitted.qw0 & 0xf : -(int)submissions;
}

/* The first page of the block. */
u64 vtd_block(void)
{
	return submitted.qw1 >> VTD_PAGE_SHIFT;
}

u64 vtd_block_bytes(void)
{
	return VTD_PAGE_SIZE << (submitted.qw1 & 0x3f);
}

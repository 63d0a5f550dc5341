/* A PCI device, alone in its IOMMU group, with a domain whose page table is the tree's own. */
#include "drivers/iommu/iommu.c"
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/memblock.h>
#include <linux/memremap.h>
#include <linux/pci-p2pdma.h>
#include <linux/swiotlb.h>

static struct pci_dev lab_pci;
static struct pci_host_bridge lab_bridge;
static struct device_dma_parameters lab_parameters;
static u64 lab_mask;
static struct iommu_group lab_group;
static struct dev_iommu lab_dev_iommu;
static struct iommu_device lab_unit;

static struct {
	unsigned long start, bytes;
} lab_reserved[16];
static int lab_reserved_count;

struct pci_host_bridge *pci_find_host_bridge(struct pci_bus *bus)
{
	return &lab_bridge;
}

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

struct device *lab_the_device(void)
{
	return &lab_pci.dev;
}

struct device *lab_device(unsigned long mask, unsigned long bus_limit, bool is_untrusted, bool is_coherent,
			  unsigned long ram_bytes)
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
	dev_assign_dma_coherent(dev, is_coherent);
	swiotlb_dev_init(dev);
	return dev;
}

static struct dev_pagemap lab_peer_pages = { .type = MEMORY_DEVICE_PCI_P2PDMA };
static struct p2pdma_provider lab_provider;
static enum pci_p2pdma_map_type lab_peer_kind;

/* By the names that the simulation has for them. */
const enum pci_p2pdma_map_type lab_kind_none = PCI_P2PDMA_MAP_NONE;
const enum pci_p2pdma_map_type lab_kind_not_supported = PCI_P2PDMA_MAP_NOT_SUPPORTED;
const enum pci_p2pdma_map_type lab_kind_bus_addr = PCI_P2PDMA_MAP_BUS_ADDR;
const enum pci_p2pdma_map_type lab_kind_thru_host_bridge = PCI_P2PDMA_MAP_THRU_HOST_BRIDGE;

/* What the tree's p2pdma.c would find for two devices. */
void __pci_p2pdma_update_state(struct pci_p2pdma_map_state *state, struct device *dev, struct page *page)
{
	state->mem = &lab_provider;
	state->map = lab_peer_kind;
}

void lab_peers(unsigned long pfn, unsigned int pages, enum pci_p2pdma_map_type kind, u64 bus_offset)
{
	lab_peer_kind = kind;
	lab_provider.bus_offset = bus_offset;
	for (; pages; pages--, pfn++) {
		set_page_zone(pfn_to_page(pfn), ZONE_DEVICE);
		page_folio(pfn_to_page(pfn))->pgmap = &lab_peer_pages;
	}
}

void lab_limits(unsigned long min_align_mask, unsigned long boundary_mask, unsigned long max_segment)
{
	lab_parameters.min_align_mask = min_align_mask;
	lab_parameters.segment_boundary_mask = boundary_mask;
	lab_parameters.max_segment_size = max_segment;
}

/* Puts the device behind the IOMMU. */
bool lab_attach(struct iommu_domain *domain, bool is_lazy, bool is_shadowed)
{
	struct device *dev = &lab_pci.dev;

	domain->type = is_lazy ? IOMMU_DOMAIN_DMA_FQ : IOMMU_DOMAIN_DMA;
	domain->owner = &lab_ops;
	lab_unit.ops = &lab_ops;
	lab_dev_iommu.iommu_dev = &lab_unit;
	lab_dev_iommu.shadow_on_flush = is_shadowed;
	lab_group.domain = lab_group.default_domain = domain;
	dev->iommu = &lab_dev_iommu;
	dev->iommu_group = &lab_group;
	if (iommu_get_dma_cookie(domain))
		return false;
	iommu_setup_dma_ops(dev, domain);
	return dev_dma_iommu(dev);
}

void *lab_alloc(struct device *dev, size_t bytes, dma_addr_t *dma)
{
	return dma_alloc_attrs(dev, bytes, dma, GFP_KERNEL, 0);
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

/* One more range of memory that the device's bus has elsewhere. */
void lab_bus_range(phys_addr_t phys, dma_addr_t dma, u64 bytes)
{
	static struct bus_dma_region regions[8];
	static int count;

	regions[count].cpu_start = phys;
	regions[count].dma_start = dma;
	regions[count++].size = bytes;
	lab_pci.dev.dma_range_map = regions;
}

void lab_sync_single_for_cpu(dma_addr_t dma, size_t bytes, enum dma_data_direction dir)
{
	dma_sync_single_for_cpu(&lab_pci.dev, dma, bytes, dir);
}

void lab_sync_single_for_device(dma_addr_t dma, size_t bytes, enum dma_data_direction dir)
{
	dma_sync_single_for_device(&lab_pci.dev, dma, bytes, dir);
}

void lab_sync_sg_for_cpu(struct scatterlist *list, int entries, enum dma_data_direction dir)
{
	dma_sync_sg_for_cpu(&lab_pci.dev, list, entries, dir);
}

void lab_sync_sg_for_device(struct scatterlist *list, int entries, enum dma_data_direction dir)
{
	dma_sync_sg_for_device(&lab_pci.dev, list, entries, dir);
}

void lab_list_set(struct scatterlist *list, unsigned int index, phys_addr_t phys, unsigned int bytes)
{
	sg_set_page(list + index, pfn_to_page(phys >> PAGE_SHIFT), bytes, phys & ~PAGE_MASK);
}

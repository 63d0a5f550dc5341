/* A PCI device, or two in one IOMMU group, with a domain whose page table is the tree's own. */
#include "drivers/iommu/iommu.c"
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/memblock.h>
#include <linux/memremap.h>
#include <linux/pci-p2pdma.h>
#include <linux/swiotlb.h>

#define LAB_DEVICES 2

static struct pci_dev lab_pci[LAB_DEVICES];
static struct pci_host_bridge lab_bridge;
static struct device_dma_parameters lab_parameters[LAB_DEVICES];
static u64 lab_masks[LAB_DEVICES];
static struct iommu_group lab_group;
static struct dev_iommu lab_dev_iommu[LAB_DEVICES];
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
	return &lab_pci[0].dev;
}

void lab_machine(unsigned long ram_bytes)
{
	max_pfn = ram_bytes >> PAGE_SHIFT;
	INIT_LIST_HEAD(&lab_bridge.windows);
	INIT_LIST_HEAD(&lab_bridge.dma_ranges);
}

struct device *lab_device(unsigned int place, unsigned long mask, unsigned long bus_limit, bool is_untrusted,
			  bool is_coherent)
{
	struct device *dev = &lab_pci[place].dev;

	lab_masks[place] = mask;
	dev->bus = &pci_bus_type;
	dev->init_name = "device";
	dev->dma_mask = &lab_masks[place];
	dev->coherent_dma_mask = mask;
	dev->bus_dma_limit = bus_limit;
	dev->dma_parms = &lab_parameters[place];
	lab_pci[place].untrusted = is_untrusted;
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

void lab_limits(struct device *dev, unsigned long min_align_mask, unsigned long boundary_mask,
		unsigned long max_segment)
{
	dev->dma_parms->min_align_mask = min_align_mask;
	dev->dma_parms->segment_boundary_mask = boundary_mask;
	dev->dma_parms->max_segment_size = max_segment;
}

/* What the IOMMU group has. */
bool lab_group_domain(struct iommu_domain *domain, bool is_lazy)
{
	domain->type = is_lazy ? IOMMU_DOMAIN_DMA_FQ : IOMMU_DOMAIN_DMA;
	domain->owner = &lab_ops;
	lab_unit.ops = &lab_ops;
	lab_group.domain = lab_group.default_domain = domain;
	return iommu_get_dma_cookie(domain) == 0;
}

/* Puts a device into it. A PCI device begins with addresses below 4 GiB. */
bool lab_attach(struct device *dev, bool is_shadowed, bool prefers_low)
{
	struct dev_iommu *data = &lab_dev_iommu[to_pci_dev(dev) - lab_pci];

	data->iommu_dev = &lab_unit;
	data->shadow_on_flush = is_shadowed;
	dev->iommu = data;
	dev->iommu_group = &lab_group;
	iommu_setup_dma_ops(dev, lab_group.domain);
	data->pci_32bit_workaround = prefers_low;
	return dev_dma_iommu(dev);
}

void *lab_alloc(struct device *dev, size_t bytes, dma_addr_t *dma)
{
	return dma_alloc_attrs(dev, bytes, dma, GFP_KERNEL, 0);
}

bool lab_prefers_low(struct device *dev)
{
	return dev->iommu && dev->iommu->pci_32bit_workaround;
}

/* One more range of memory that the first device's bus has elsewhere. */
void lab_bus_range(phys_addr_t phys, dma_addr_t dma, u64 bytes)
{
	static struct bus_dma_region regions[8];
	static int count;

	regions[count].cpu_start = phys;
	regions[count].dma_start = dma;
	regions[count++].size = bytes;
	lab_pci[0].dev.dma_range_map = regions;
}

void lab_sync_single_for_cpu(struct device *dev, dma_addr_t dma, size_t bytes, enum dma_data_direction dir)
{
	dma_sync_single_for_cpu(dev, dma, bytes, dir);
}

void lab_sync_single_for_device(struct device *dev, dma_addr_t dma, size_t bytes, enum dma_data_direction dir)
{
	dma_sync_single_for_device(dev, dma, bytes, dir);
}

void lab_sync_sg_for_cpu(struct device *dev, struct scatterlist *list, int entries, enum dma_data_direction dir)
{
	dma_sync_sg_for_cpu(dev, list, entries, dir);
}

void lab_sync_sg_for_device(struct device *dev, struct scatterlist *list, int entries, enum dma_data_direction dir)
{
	dma_sync_sg_for_device(dev, list, entries, dir);
}

void lab_list_set(struct scatterlist *list, unsigned int index, phys_addr_t phys, unsigned int bytes)
{
	sg_set_page(list + index, pfn_to_page(phys >> PAGE_SHIFT), bytes, phys & ~PAGE_MASK);
}

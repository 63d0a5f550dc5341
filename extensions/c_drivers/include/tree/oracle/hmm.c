/* Pages of a process that devices map one by one, by the tree's mm/hmm.c. */
#include <linux/hmm-dma.h>
#include <linux/hmm.h>
#include <linux/pci-p2pdma.h>
#include <linux/slab.h>

struct hmm_dma_map *lab_hmm_new(void)
{
	return kzalloc(sizeof(struct hmm_dma_map), GFP_KERNEL);
}

/* As a range fault writes an entry: flags of the mapping stay. */
void lab_hmm_fill(struct hmm_dma_map *map, size_t index, unsigned long pfn)
{
	unsigned long sticky = HMM_PFN_DMA_MAPPED | HMM_PFN_P2PDMA | HMM_PFN_P2PDMA_BUS;

	map->pfn_list[index] = (map->pfn_list[index] & sticky) | HMM_PFN_VALID | pfn;
}

/* The flags of an entry, its highest one as bit 5. */
unsigned int lab_hmm_flags(struct hmm_dma_map *map, size_t index)
{
	return map->pfn_list[index] >> (BITS_PER_LONG - 6);
}

/* Each call is a batch of its own. */
dma_addr_t lab_hmm_map(struct device *dev, struct hmm_dma_map *map, size_t index)
{
	struct pci_p2pdma_map_state peers = {};

	return hmm_dma_map_pfn(dev, map, index, &peers);
}

bool lab_hmm_has_range(struct hmm_dma_map *map)
{
	return dma_use_iova(&map->state);
}

bool lab_hmm_has_list(struct hmm_dma_map *map)
{
	return map->dma_list;
}

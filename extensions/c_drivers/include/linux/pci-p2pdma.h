#ifndef DMALAB_LINUX_PCI_P2PDMA_H
#define DMALAB_LINUX_PCI_P2PDMA_H

#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <dmalab/peer_types.h>

/* Who lends the memory of a BAR, and by how much the bus's addresses of it differ from the CPU's. */
struct p2pdma_provider {
	struct device *owner;
	u64 bus_offset;
};

struct pci_p2pdma_map_state {
	struct p2pdma_provider *mem;
	enum pci_p2pdma_map_type map;
};

#include <dmalab/calls/pci-p2pdma.h>
#include <dmalab/peer_layouts.h>

#define pci_p2pmem_find(client)                                      \
	__extension__({                                              \
		struct device *dmalab_client_ = (client);            \
		pci_p2pmem_find_many(&dmalab_client_, 1);            \
	})
#define pci_p2pdma_distance(provider, client, verbose)                           \
	__extension__({                                                          \
		struct device *dmalab_client_ = (client);                        \
		pci_p2pdma_distance_many(provider, &dmalab_client_, 1, verbose); \
	})

/* A list of one entry over memory of a peer's. */
#define pci_p2pmem_alloc_sgl(pdev, nents, len) \
	dmalab_p2pmem_list(pdev, nents, len, kzalloc(sizeof(struct scatterlist), GFP_KERNEL))

DMALAB_INLINE struct scatterlist *dmalab_p2pmem_list(struct pci_dev *pdev, unsigned int *nents, u32 len, void *entry)
{
	struct scatterlist *sg = (struct scatterlist *)entry;
	void *memory = sg ? pci_alloc_p2pmem(pdev, len) : NULL;

	if (!memory) {
		kfree(sg);
		return NULL;
	}
	sg_init_table(sg, 1);
	sg_set_buf(sg, memory, len);
	*nents = 1;
	return sg;
}

#define pci_p2pmem_free_sgl(pdev, sg)                                \
	do {                                                         \
		struct scatterlist *dmalab_sg_ = (sg);               \
		pci_free_p2pmem(pdev, sg_virt(dmalab_sg_), dmalab_sg_->length); \
		kfree(dmalab_sg_);                                   \
	} while (0)

#endif

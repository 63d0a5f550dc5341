#ifndef DMALAB_LINUX_HMM_DMA_H
#define DMALAB_LINUX_HMM_DMA_H

#include <linux/dma-mapping.h>
#include <linux/hmm.h>
#include <linux/pci-p2pdma.h>

/* Pages that a device reaches one by one: a word for each, which the driver fills. */
struct hmm_dma_map {
	struct dma_iova_state state;
	unsigned long *pfn_list;
	dma_addr_t *dma_list;
	size_t dma_entry_size;
};

#include <dmalab/calls/hmm-dma.h>
#include <dmalab/hmm_layouts.h>

#endif

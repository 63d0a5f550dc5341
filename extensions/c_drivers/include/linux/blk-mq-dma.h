#ifndef DMALAB_LINUX_BLK_MQ_DMA_H
#define DMALAB_LINUX_BLK_MQ_DMA_H

#include <linux/blk-mq.h>
#include <linux/pci-p2pdma.h>

/* What a step of mapping a request gave. `status` means something after a step that gave nothing. */
struct blk_dma_iter {
	dma_addr_t addr;
	u32 len;
	struct pci_p2pdma_map_state p2pdma;
	blk_status_t status;
	u64 dmalab_iter;
};

#include <dmalab/calls/blk-mq-dma.h>
#include <dmalab/iter_layouts.h>

#endif

#ifndef MINI_SCATTERLIST_H
#define MINI_SCATTERLIST_H
#include <linux/types.h>
struct scatterlist {
	unsigned long page_link;
	unsigned int offset;
	unsigned int length;
	dma_addr_t dma_address;
#ifdef CONFIG_NEED_SG_DMA_LENGTH
	unsigned int dma_length;
#endif
#ifdef CONFIG_NEED_SG_DMA_FLAGS
	unsigned int dma_flags;
#endif
};
#endif

#ifndef DMALAB_LINUX_HMM_H
#define DMALAB_LINUX_HMM_H

#include <linux/mm.h>

#define HMM_PFN_VALID (1UL << 63)
#define HMM_PFN_WRITE (1UL << 62)
#define HMM_PFN_ERROR (1UL << 61)
#define HMM_PFN_DMA_MAPPED (1UL << 60)
#define HMM_PFN_P2PDMA (1UL << 59)
#define HMM_PFN_P2PDMA_BUS (1UL << 58)
#define HMM_PFN_ORDER_SHIFT 53

DMALAB_INLINE phys_addr_t hmm_pfn_to_phys(unsigned long entry)
{
	return PFN_PHYS(entry & ((1UL << HMM_PFN_ORDER_SHIFT) - 1));
}

DMALAB_INLINE struct page *hmm_pfn_to_page(unsigned long entry)
{
	return phys_to_page(hmm_pfn_to_phys(entry));
}

DMALAB_INLINE unsigned int hmm_pfn_to_map_order(unsigned long entry)
{
	return (unsigned int)(entry >> HMM_PFN_ORDER_SHIFT & 0x1f);
}

#endif

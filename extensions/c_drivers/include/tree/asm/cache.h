/* Lines of the CPU's caches, and what a device that does not see them needs of a small buffer. */
#ifndef DMALAB_ASM_CACHE_H
#define DMALAB_ASM_CACHE_H

#include <asm-generic/cache.h>

#ifdef CONFIG_DMA_BOUNCE_UNALIGNED_KMALLOC
#define ARCH_DMA_MINALIGN 128
#define dma_get_cache_alignment() 64
#endif

#endif

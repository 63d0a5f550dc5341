/* What drivers of x86 call to write their tables back, beside what every architecture has. */
#ifndef DMALAB_TREE_CACHEFLUSH_H
#define DMALAB_TREE_CACHEFLUSH_H

void clflush_cache_range(void *addr, unsigned int size);

#include <asm-generic/cacheflush.h>

#endif

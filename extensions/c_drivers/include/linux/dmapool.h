#ifndef DMALAB_LINUX_DMAPOOL_H
#define DMALAB_LINUX_DMAPOOL_H

#include <linux/device.h>
#include <dmalab/calls/dmapool.h>
#include <dmalab/calls/dmam_pool.h>

#define dma_pool_zalloc(pool, gfp, handle) dma_pool_alloc(pool, (gfp) | __GFP_ZERO, handle)

#endif

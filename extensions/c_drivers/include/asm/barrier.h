#ifndef DMALAB_ASM_BARRIER_H
#define DMALAB_ASM_BARRIER_H

#include <linux/compiler.h>

/* Statements for who reads them: what runs in a function of C runs in the order it is written. */
#define mb() barrier()
#define rmb() barrier()
#define wmb() barrier()
#define dma_mb() barrier()
#define dma_rmb() barrier()
#define dma_wmb() barrier()
#define smp_mb() barrier()
#define smp_rmb() barrier()
#define smp_wmb() barrier()
#define smp_store_release(p, value) WRITE_ONCE(*(p), value)
#define smp_load_acquire(p) READ_ONCE(*(p))

#endif

#ifndef DMALAB_LINUX_IO_H
#define DMALAB_LINUX_IO_H

#include <linux/types.h>
#include <linux/compiler.h>
#include <dmalab/calls/io.h>
#include <asm/barrier.h>

#define readl_relaxed readl
#define writel_relaxed writel
#define readq_relaxed readq
#define writeq_relaxed writeq
#define ioread32 readl
#define iowrite32 writel
#define ioread64 readq
#define iowrite64 writeq

#endif

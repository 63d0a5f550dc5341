#ifndef DMALAB_LINUX_IO_H
#define DMALAB_LINUX_IO_H

#include <linux/types.h>
#include <linux/compiler.h>
#include <dmalab/calls/io.h>
#include <asm/barrier.h>

#define readb_relaxed readb
#define writeb_relaxed writeb
#define readw_relaxed readw
#define writew_relaxed writew
#define readl_relaxed readl
#define writel_relaxed writel
#define readq_relaxed readq
#define writeq_relaxed writeq
#define ioread8 readb
#define iowrite8 writeb
#define ioread16 readw
#define iowrite16 writew
#define ioread32 readl
#define iowrite32 writel
#define ioread64 readq
#define iowrite64 writeq

#endif

#ifndef DMALAB_LINUX_IO_H
#define DMALAB_LINUX_IO_H

#include <linux/types.h>
#include <linux/compiler.h>
#include <dmalab/calls/io.h>
#include <asm/barrier.h>

#define readq(addr)                                                           \
	__extension__({                                                       \
		u32 dmalab_high_ = 0;                                         \
		u32 dmalab_low_ = dmalab_readq(addr, &dmalab_high_);          \
		dmalab_low_ | (u64)dmalab_high_ << 32;                        \
	})
#define writeq(value, addr)                                                   \
	__extension__({                                                       \
		u64 dmalab_value_ = (value);                                  \
		dmalab_writeq((u32)dmalab_value_, (u32)(dmalab_value_ >> 32), addr); \
	})
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
/* Halves of 64 bits, in the order that a device wants. */
DMALAB_INLINE u64 lo_hi_readq(const volatile void *addr)
{
	u64 low = readl(addr);

	return low | (u64)readl((const volatile char *)addr + 4) << 32;
}

DMALAB_INLINE u64 hi_lo_readq(const volatile void *addr)
{
	u64 high = readl((const volatile char *)addr + 4);

	return high << 32 | readl(addr);
}

DMALAB_INLINE void lo_hi_writeq(u64 value, volatile void *addr)
{
	writel((u32)value, addr);
	writel((u32)(value >> 32), (volatile char *)addr + 4);
}

DMALAB_INLINE void hi_lo_writeq(u64 value, volatile void *addr)
{
	writel((u32)(value >> 32), (volatile char *)addr + 4);
	writel((u32)value, addr);
}

#define ioread64 readq
#define iowrite64 writeq

#endif

/* Registers of devices are reached by imports, so that no plain load or store passes for one. */
#ifndef DMALAB_TREE_IO_H
#define DMALAB_TREE_IO_H

#include <linux/types.h>

#define DMALAB_RAW(letter, type)                                                 \
	type lab_read##letter(const volatile void __iomem *at);                  \
	void lab_write##letter(type value, volatile void __iomem *at);           \
	static inline type __raw_read##letter(const volatile void __iomem *at)   \
	{                                                                        \
		return lab_read##letter(at);                                     \
	}                                                                        \
	static inline void __raw_write##letter(type value, volatile void __iomem *at) \
	{                                                                        \
		lab_write##letter(value, at);                                    \
	}

DMALAB_RAW(b, u8)
DMALAB_RAW(w, u16)
DMALAB_RAW(l, u32)
/* 64 bits are two of 32, the lower ones first. */
static inline u64 __raw_readq(const volatile void __iomem *at)
{
	u64 low = lab_readl(at);

	return low | (u64)lab_readl(at + 4) << 32;
}
static inline void __raw_writeq(u64 value, volatile void __iomem *at)
{
	lab_writel((u32)value, at);
	lab_writel(value >> 32, at + 4);
}
#define __raw_readb __raw_readb
#define __raw_readw __raw_readw
#define __raw_readl __raw_readl
#define __raw_readq __raw_readq
#define __raw_writeb __raw_writeb
#define __raw_writew __raw_writew
#define __raw_writel __raw_writel
#define __raw_writeq __raw_writeq

void __iomem *ioremap(phys_addr_t at, size_t size);
void iounmap(volatile void __iomem *at);
#define ioremap ioremap
#define ioremap_wc ioremap
#define iounmap iounmap

#include <asm-generic/io.h>

#ifndef page_to_phys
#define page_to_phys(page) ((phys_addr_t)page_to_pfn(page) << PAGE_SHIFT)
#endif

#endif

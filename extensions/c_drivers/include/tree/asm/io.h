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

/* inb() and the like reach the ports of I/O BARs. */
#define PCI_IOBASE ((void __iomem *)DMALAB_PORTS)

/* Blocks of a device's memory are reached as registers are, in words where they are aligned. */
static inline void memset_io(volatile void __iomem *at, int value, size_t size)
{
	for (; size && (unsigned long)at & 3; at++, size--)
		lab_writeb(value, at);
	for (; size >= 4; at += 4, size -= 4)
		lab_writel((u8)value * 0x01010101u, at);
	for (; size; at++, size--)
		lab_writeb(value, at);
}
static inline void memcpy_fromio(void *to, const volatile void __iomem *at, size_t size)
{
	u8 *byte = to;
	u32 word;

	for (; size && (unsigned long)at & 3; at++, size--)
		*byte++ = lab_readb(at);
	for (; size >= 4; at += 4, byte += 4, size -= 4) {
		word = lab_readl(at);
		__builtin_memcpy(byte, &word, 4);
	}
	for (; size; at++, size--)
		*byte++ = lab_readb(at);
}
static inline void memcpy_toio(volatile void __iomem *at, const void *from, size_t size)
{
	const u8 *byte = from;
	u32 word;

	for (; size && (unsigned long)at & 3; at++, size--)
		lab_writeb(*byte++, at);
	for (; size >= 4; at += 4, byte += 4, size -= 4) {
		__builtin_memcpy(&word, byte, 4);
		lab_writel(word, at);
	}
	for (; size; at++, size--)
		lab_writeb(*byte++, at);
}
#define memset_io memset_io
#define memcpy_fromio memcpy_fromio
#define memcpy_toio memcpy_toio

#include <asm-generic/io.h>

#ifndef page_to_phys
#define page_to_phys(page) ((phys_addr_t)page_to_pfn(page) << PAGE_SHIFT)
#endif

/* What drivers of other machines call for their registers. */
#define __raw_readsb readsb
#define __raw_readsw readsw
#define __raw_readsl readsl
#define __raw_writesb writesb
#define __raw_writesw writesw
#define __raw_writesl writesl

#ifdef CONFIG_PPC
#define DMALAB_IN_OUT(name, type, in, out)                                       \
	static inline type in_##name(const volatile type __iomem *at) { return in; } \
	static inline void out_##name(volatile type __iomem *at, type value) { out; }

DMALAB_IN_OUT(8, u8, readb(at), writeb(value, at))
DMALAB_IN_OUT(le16, u16, readw(at), writew(value, at))
DMALAB_IN_OUT(le32, u32, readl(at), writel(value, at))
DMALAB_IN_OUT(le64, u64, readq(at), writeq(value, at))
DMALAB_IN_OUT(be16, u16, swab16(readw(at)), writew(swab16(value), at))
DMALAB_IN_OUT(be32, u32, swab32(readl(at)), writel(swab32(value), at))
DMALAB_IN_OUT(be64, u64, swab64(readq(at)), writeq(swab64(value), at))
#define DMALAB_SETBITS(at, name, set, clear) out_##name(at, (in_##name(at) & ~(clear)) | (set))
#define setbits8(at, set) DMALAB_SETBITS(at, 8, set, 0)
#define clrbits8(at, clear) DMALAB_SETBITS(at, 8, 0, clear)
#define clrsetbits_8(at, clear, set) DMALAB_SETBITS(at, 8, set, clear)
#define setbits16(at, set) DMALAB_SETBITS(at, be16, set, 0)
#define clrbits16(at, clear) DMALAB_SETBITS(at, be16, 0, clear)
#define clrsetbits_be16(at, clear, set) DMALAB_SETBITS(at, be16, set, clear)
#define setbits32(at, set) DMALAB_SETBITS(at, be32, set, 0)
#define clrbits32(at, clear) DMALAB_SETBITS(at, be32, 0, clear)
#define clrsetbits_be32(at, clear, set) DMALAB_SETBITS(at, be32, set, clear)
#define __ilog2 __ilog2_u64
#include <asm/reg.h>
#include <asm/synch.h>
#include <asm/vdso/timebase.h>
#endif

#ifdef CONFIG_SPARC
#define sbus_readb readb
#define sbus_readw readw
#define sbus_readl readl
#define sbus_readq readq
#define sbus_writeb writeb
#define sbus_writew writew
#define sbus_writel writel
#define sbus_writeq writeq
#endif

#ifdef CONFIG_MIPS
#include <irq.h>
#include <asm/addrspace.h>
/* Other names of the same segments. */
#ifndef KSEG1ADDR
#define KSEG0ADDR CKSEG0ADDR
#define KSEG1ADDR CKSEG1ADDR
#endif
#endif

#endif

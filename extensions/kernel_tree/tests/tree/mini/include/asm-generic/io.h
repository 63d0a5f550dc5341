#pragma once
static inline u8 inb(unsigned long port)
{
	return __raw_readb(PCI_IOBASE + port);
}
static inline void outb(u8 value, unsigned long port)
{
	__raw_writeb(value, PCI_IOBASE + port);
}
/* As plain memory, for machines that reach a device's memory so. */
#ifndef memset_io
#define memset_io(at, value, size) __builtin_memset((void *)(at), value, size)
#define memcpy_toio(at, from, size) __builtin_memcpy((void *)(at), from, size)
#define memcpy_fromio(to, at, size) __builtin_memcpy(to, (const void *)(at), size)
#endif

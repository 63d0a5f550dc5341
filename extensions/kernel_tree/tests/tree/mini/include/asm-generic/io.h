#pragma once
static inline u8 inb(unsigned long port)
{
	return __raw_readb(PCI_IOBASE + port);
}
static inline void outb(u8 value, unsigned long port)
{
	__raw_writeb(value, PCI_IOBASE + port);
}

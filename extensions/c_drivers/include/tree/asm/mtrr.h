/* x86's registers for ranges of memory: the machine has none, as an x86 with CONFIG_MTRR off. */
#ifndef DMALAB_TREE_MTRR_H
#define DMALAB_TREE_MTRR_H

#include <linux/errno.h>
#define MTRR_TYPE_UNCACHABLE 0
#define MTRR_TYPE_WRCOMB 1
#define MTRR_TYPE_WRBACK 6
static inline int mtrr_add(unsigned long base, unsigned long size, unsigned int type, bool increment)
{
	return -ENODEV;
}
static inline int mtrr_del(int number, unsigned long base, unsigned long size)
{
	return -ENODEV;
}

#endif

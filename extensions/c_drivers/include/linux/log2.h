#ifndef DMALAB_LINUX_LOG2_H
#define DMALAB_LINUX_LOG2_H

#include <linux/bitops.h>

DMALAB_INLINE bool is_power_of_2(unsigned long n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

DMALAB_INLINE int ilog2(u64 n)
{
	return fls64(n) - 1;
}

DMALAB_INLINE int order_base_2(u64 n)
{
	return n > 1 ? fls64(n - 1) : 0;
}

DMALAB_INLINE unsigned long roundup_pow_of_two(unsigned long n)
{
	return 1UL << order_base_2(n);
}

#endif

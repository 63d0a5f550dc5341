#ifndef DMALAB_LINUX_BITOPS_H
#define DMALAB_LINUX_BITOPS_H

#include <linux/bits.h>
#include <linux/compiler.h>

DMALAB_INLINE void set_bit(long nr, volatile unsigned long *map)
{
	map[BIT_WORD(nr)] |= BIT_MASK(nr);
}

DMALAB_INLINE void clear_bit(long nr, volatile unsigned long *map)
{
	map[BIT_WORD(nr)] &= ~BIT_MASK(nr);
}

DMALAB_INLINE bool test_bit(long nr, const volatile unsigned long *map)
{
	return (map[BIT_WORD(nr)] & BIT_MASK(nr)) != 0;
}

DMALAB_INLINE bool test_and_set_bit(long nr, volatile unsigned long *map)
{
	bool was = test_bit(nr, map);
	set_bit(nr, map);
	return was;
}

DMALAB_INLINE bool test_and_clear_bit(long nr, volatile unsigned long *map)
{
	bool was = test_bit(nr, map);
	clear_bit(nr, map);
	return was;
}

#define __set_bit set_bit
#define __clear_bit clear_bit
#define __test_and_set_bit test_and_set_bit
#define __test_and_clear_bit test_and_clear_bit

DMALAB_INLINE int fls(unsigned int x)
{
	return x ? 32 - __builtin_clz(x) : 0;
}

DMALAB_INLINE int fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

DMALAB_INLINE unsigned long __ffs(unsigned long x)
{
	return (unsigned long)__builtin_ctzl(x);
}

DMALAB_INLINE int ffs(int x)
{
	return __builtin_ffs(x);
}

#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]

DMALAB_INLINE unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long at)
{
	while (at < size && !test_bit((long)at, map))
		at++;
	return at < size ? at : size;
}

DMALAB_INLINE unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size, unsigned long at)
{
	while (at < size && test_bit((long)at, map))
		at++;
	return at < size ? at : size;
}

#define find_first_bit(map, size) find_next_bit(map, size, 0)
#define find_first_zero_bit(map, size) find_next_zero_bit(map, size, 0)
#define for_each_set_bit(bit, map, size)                                  \
	for ((bit) = find_first_bit((map), (size)); (bit) < (size);       \
	     (bit) = find_next_bit((map), (size), (bit) + 1))

#endif

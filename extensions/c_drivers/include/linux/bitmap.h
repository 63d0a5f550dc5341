#ifndef DMALAB_LINUX_BITMAP_H
#define DMALAB_LINUX_BITMAP_H

#include <linux/bitops.h>
#include <linux/slab.h>
#include <linux/string.h>

DMALAB_INLINE void bitmap_zero(unsigned long *map, unsigned int bits)
{
	memset(map, 0, BITS_TO_LONGS(bits) * sizeof(unsigned long));
}

DMALAB_INLINE void bitmap_set(unsigned long *map, unsigned int start, unsigned int bits)
{
	while (bits--)
		set_bit(start++, map);
}

DMALAB_INLINE void bitmap_clear(unsigned long *map, unsigned int start, unsigned int bits)
{
	while (bits--)
		clear_bit(start++, map);
}

#define bitmap_alloc(bits, gfp) \
	((unsigned long *)kmalloc_array(BITS_TO_LONGS((size_t)(bits)), sizeof(unsigned long), gfp))
#define bitmap_zalloc(bits, gfp) bitmap_alloc(bits, (gfp) | __GFP_ZERO)
#define bitmap_free(map) kfree(map)

#endif

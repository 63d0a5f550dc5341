#ifndef DMALAB_LINUX_BITFIELD_H
#define DMALAB_LINUX_BITFIELD_H

#include <linux/bits.h>

/* Fields of a register, by masks of their bits, which lie side by side. */
#define DMALAB_FIELD_AT(mask) __builtin_ctzll((unsigned long long)(mask))
#define FIELD_MAX(mask) ((__typeof__(mask))((mask) >> DMALAB_FIELD_AT(mask)))
#define FIELD_FIT(mask, value) \
	(!(((unsigned long long)(value) << DMALAB_FIELD_AT(mask)) & ~(unsigned long long)(mask)))
#define FIELD_PREP(mask, value) \
	((__typeof__(mask))(((__typeof__(mask))(value) << DMALAB_FIELD_AT(mask)) & (mask)))
#define FIELD_GET(mask, word) ((__typeof__(mask))(((word) & (mask)) >> DMALAB_FIELD_AT(mask)))

#endif

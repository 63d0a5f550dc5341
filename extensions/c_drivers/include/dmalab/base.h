/* What all headers here stand on: how a call reaches the simulated kernel, and how it says its place. */
#ifndef DMALAB_BASE_H
#define DMALAB_BASE_H

#ifdef __cplusplus
#define DMALAB_C extern "C"
#else
#define DMALAB_C extern
#endif

#include <dmalab/memory_map.h>

/* A function of the simulated kernel. Numbers of 64 bits cross the border as doubles: all that is
 * meant is below 2^53, or an address that a number stands for, and what is not stays out of range. */
#define DMALAB_IMPORT(name) \
	DMALAB_C __attribute__((import_module("dmalab"), import_name(#name)))

/* Without debug information of its own, so that its code belongs to the line that calls it. */
#define DMALAB_INLINE static inline __attribute__((always_inline, nodebug, unused))

struct dmalab_place {
	const char *file;
	const char *function;
	int line;
	int column;
};

/* Where a call ends: the address of a constant. */
#define DMALAB_HERE                                                                 \
	__extension__({                                                             \
		static const struct dmalab_place dmalab_here_ = {                   \
			__FILE__, __func__, __builtin_LINE(), __builtin_COLUMN(),   \
		};                                                                  \
		(int)(unsigned long)&dmalab_here_;                                  \
	})

DMALAB_INLINE unsigned long dmalab_wide(double value)
{
	return value < 0 ? (unsigned long)(long)value : (unsigned long)value;
}

/* Addresses of 53 bits and more: the last bytes of each width, a window, have numbers from
 * DMALAB_WINDOW_FIRST_NUMBER on (runtime/address.ts). Windows are counted from 2^52. */
DMALAB_INLINE unsigned long dmalab_window(unsigned int bits)
{
	return (bits < 64 ? 1ul << bits : 0) - DMALAB_WINDOW;
}

DMALAB_INLINE unsigned long dmalab_address(double number)
{
	unsigned long value = dmalab_wide(number);
	unsigned long index = (value - (1ul << 52)) / DMALAB_WINDOW;

	if (value < DMALAB_WINDOW_FIRST_NUMBER || value >> 53)
		return value;
	return dmalab_window(DMALAB_WINDOW_FIRST_BITS + (unsigned int)index) + value % DMALAB_WINDOW;
}

/* Not inline: its branches would part a line of the driver into blocks, and accesses before it would
 * move to the line behind them. */
static __attribute__((noinline, nodebug, unused, const)) double dmalab_number(unsigned long address)
{
	unsigned int bits = address ? 64 - (unsigned int)__builtin_clzl(address) : 0;
	unsigned long offset = address - dmalab_window(bits);

	if (address < DMALAB_WINDOW_FIRST_NUMBER || address == ~0ul || address < dmalab_window(bits))
		return (double)address;
	return (double)((1ul << 52) + (bits - DMALAB_WINDOW_FIRST_BITS) * DMALAB_WINDOW + offset);
}

#endif

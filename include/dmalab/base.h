/* What all headers here stand on: how a call reaches the simulated kernel, and how it says its place. */
#ifndef DMALAB_BASE_H
#define DMALAB_BASE_H

#ifdef __cplusplus
#define DMALAB_C extern "C"
#else
#define DMALAB_C extern
#endif

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

/* Addresses of 53 bits and more: the last 2^48 bytes of each width have numbers below 2^53, from
 * 2^52 + 2^50 on, those of 49 bits being the ones that would begin at 2^52 (runtime/address.ts). */
#define DMALAB_WINDOW (1ul << 48)
#define DMALAB_FIRST_WINDOW (20 * DMALAB_WINDOW)

DMALAB_INLINE unsigned long dmalab_window(unsigned int bits)
{
	return (bits < 64 ? 1ul << bits : 0) - DMALAB_WINDOW;
}

DMALAB_INLINE unsigned long dmalab_address(double number)
{
	unsigned long value = dmalab_wide(number);

	if (value < DMALAB_FIRST_WINDOW || value >> 53)
		return value;
	return dmalab_window(33 + (unsigned int)(value / DMALAB_WINDOW)) + value % DMALAB_WINDOW;
}

/* Not inline: its branches would part a line of the driver into blocks, and accesses before it would
 * move to the line behind them. */
static __attribute__((noinline, nodebug, unused, const)) double dmalab_number(unsigned long address)
{
	unsigned int bits = address ? 64 - (unsigned int)__builtin_clzl(address) : 0;

	if (address < DMALAB_FIRST_WINDOW || address == ~0ul || address < dmalab_window(bits))
		return (double)address;
	return (double)((bits - 33) * DMALAB_WINDOW + address - dmalab_window(bits));
}

#endif

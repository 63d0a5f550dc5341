/* What all headers here stand on: how a call reaches the simulated kernel, and how it says its place. */
#ifndef DMALAB_BASE_H
#define DMALAB_BASE_H

#ifdef __cplusplus
#define DMALAB_C extern "C"
#else
#define DMALAB_C extern
#endif

/* A function of the simulated kernel. Numbers of 64 bits cross the border as doubles: all that is
 * meant is below 2^53, and what is not stays out of range. */
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

#endif

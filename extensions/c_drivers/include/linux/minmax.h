#ifndef DMALAB_LINUX_MINMAX_H
#define DMALAB_LINUX_MINMAX_H

#include <linux/compiler.h>

#define min_t(type, a, b)                                    \
	__extension__({                                      \
		type min_a_ = (a), min_b_ = (b);             \
		min_a_ < min_b_ ? min_a_ : min_b_;           \
	})
#define max_t(type, a, b)                                    \
	__extension__({                                      \
		type max_a_ = (a), max_b_ = (b);             \
		max_a_ > max_b_ ? max_a_ : max_b_;           \
	})
#define min(a, b)                                            \
	__extension__({                                      \
		__typeof__(a) min_x_ = (a);                  \
		__typeof__(b) min_y_ = (b);                  \
		min_x_ < min_y_ ? min_x_ : min_y_;           \
	})
#define max(a, b)                                            \
	__extension__({                                      \
		__typeof__(a) max_x_ = (a);                  \
		__typeof__(b) max_y_ = (b);                  \
		max_x_ > max_y_ ? max_x_ : max_y_;           \
	})
#define umin(a, b) min_t(u64, (u64)(a), (u64)(b))
#define umax(a, b) max_t(u64, (u64)(a), (u64)(b))
#define min3(a, b, c) min(min(a, b), c)
#define max3(a, b, c) max(max(a, b), c)
#define clamp(value, low, high) min(max(value, low), high)
#define clamp_t(type, value, low, high) min_t(type, max_t(type, value, low), high)
#define min_not_zero(a, b) ((a) == 0 ? (b) : ((b) == 0 ? (a) : min(a, b)))
#define swap(a, b)                               \
	do {                                     \
		__typeof__(a) swap_ = (a);       \
		(a) = (b);                       \
		(b) = swap_;                     \
	} while (0)

#endif

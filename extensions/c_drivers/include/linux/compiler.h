#ifndef DMALAB_LINUX_COMPILER_H
#define DMALAB_LINUX_COMPILER_H

#include <linux/types.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define barrier() __asm__ __volatile__("" ::: "memory")
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value)                              \
	do {                                              \
		*(volatile __typeof__(x) *)&(x) = (value); \
	} while (0)
#define prefetch(x) ((void)(x))
#define prefetchw(x) ((void)(x))

#endif

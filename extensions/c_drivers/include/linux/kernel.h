#ifndef DMALAB_LINUX_KERNEL_H
#define DMALAB_LINUX_KERNEL_H

#include <linux/types.h>
#include <linux/limits.h>
#include <linux/compiler.h>
#include <linux/bits.h>
#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/errno.h>
#include <linux/err.h>
#include <linux/printk.h>
#include <linux/bug.h>
#include <linux/log2.h>
#include <asm/byteorder.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(void *)(ptr) - offsetof(type, member)))

#define DMALAB_ALIGN(x, mask) (((x) + (mask)) & ~(mask))
#define ALIGN(x, a) DMALAB_ALIGN(x, (__typeof__(x))(a) - 1)
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a) - 1)) == 0)
#define PTR_ALIGN(p, a) ((__typeof__(p))ALIGN((unsigned long)(p), (a)))
#define round_up(x, y) ALIGN(x, y)
#define round_down(x, y) ALIGN_DOWN(x, y)
#define roundup(x, y) ((((x) + ((y) - 1)) / (y)) * (y))
#define rounddown(x, y) ((x) - ((x) % (y)))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define DIV_ROUND_UP_ULL(n, d) DIV_ROUND_UP((unsigned long long)(n), (d))

#define lower_32_bits(n) ((u32)((u64)(n) & 0xffffffff))
#define upper_32_bits(n) ((u32)((u64)(n) >> 32))

#define SZ_512 0x200
#define SZ_1K 0x400
#define SZ_2K 0x800
#define SZ_4K 0x1000
#define SZ_8K 0x2000
#define SZ_16K 0x4000
#define SZ_32K 0x8000
#define SZ_64K 0x10000
#define SZ_128K 0x20000
#define SZ_1M 0x100000

DMALAB_INLINE size_t size_mul(size_t a, size_t b)
{
	size_t product;
	return __builtin_mul_overflow(a, b, &product) ? ~(size_t)0 : product;
}

DMALAB_INLINE size_t size_add(size_t a, size_t b)
{
	size_t sum;
	return __builtin_add_overflow(a, b, &sum) ? ~(size_t)0 : sum;
}

#define check_mul_overflow(a, b, to) __builtin_mul_overflow(a, b, to)
#define check_add_overflow(a, b, to) __builtin_add_overflow(a, b, to)
#define struct_size(p, member, n) size_add(sizeof(*(p)), size_mul(n, sizeof((p)->member[0])))

#endif

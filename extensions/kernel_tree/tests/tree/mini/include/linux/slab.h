#ifndef MINI_SLAB_H
#define MINI_SLAB_H
#include <linux/types.h>
#define GFP_KERNEL 0xcc0u
void *__kmalloc_noprof(size_t size, gfp_t flags);
void kfree(const void *block);
static inline void *kmalloc(size_t size, gfp_t flags)
{
	return __kmalloc_noprof(size, flags);
}
static inline void *kzalloc(size_t size, gfp_t flags)
{
	return __kmalloc_noprof(size, flags | 0x100u);
}
#endif

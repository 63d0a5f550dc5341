#ifndef DMALAB_LINUX_SLAB_H
#define DMALAB_LINUX_SLAB_H

#include <linux/kernel.h>
#include <linux/bug.h>
#include <linux/gfp.h>
#include <linux/string.h>
#include <dmalab/calls/slab.h>

#define kzalloc(size, gfp) kmalloc(size, (gfp) | __GFP_ZERO)
#define kmalloc_array(n, size, gfp) kmalloc(size_mul(n, size), gfp)
#define kcalloc(n, size, gfp) kmalloc(size_mul(n, size), (gfp) | __GFP_ZERO)
#define kmalloc_node(size, gfp, node) kmalloc(size, gfp)
#define kzalloc_node(size, gfp, node) kzalloc(size, gfp)
#define kcalloc_node(n, size, gfp, node) kcalloc(n, size, gfp)
#define kfree_sensitive(p) kfree(p)
#define vmalloc(size) dmalab_vmalloc(size, GFP_KERNEL)
#define vzalloc(size) dmalab_vmalloc(size, GFP_KERNEL | __GFP_ZERO)
#define kvzalloc(size, gfp) kvmalloc(size, (gfp) | __GFP_ZERO)
#define kvmalloc_array(n, size, gfp) kvmalloc(size_mul(n, size), gfp)
#define kvcalloc(n, size, gfp) kvmalloc(size_mul(n, size), (gfp) | __GFP_ZERO)

/* Room for what a variable or a type is; the flags may be left out. */
#define DMALAB_FIRST(a, ...) a
#define DMALAB_SECOND(a, b, ...) b
#define DMALAB_THIRD(a, b, c, ...) c
#define DMALAB_OBJ(of, gfp) ((__typeof__(of) *)kmalloc(sizeof(of), gfp))
#define DMALAB_OBJS(of, n, gfp) ((__typeof__(of) *)kmalloc_array(n, sizeof(of), gfp))
#define kmalloc_obj(...) \
	DMALAB_OBJ(DMALAB_FIRST(__VA_ARGS__, 0), DMALAB_SECOND(__VA_ARGS__, GFP_KERNEL, 0))
#define kzalloc_obj(...) \
	DMALAB_OBJ(DMALAB_FIRST(__VA_ARGS__, 0), (DMALAB_SECOND(__VA_ARGS__, GFP_KERNEL, 0)) | __GFP_ZERO)
#define kmalloc_objs(...)                                                                \
	DMALAB_OBJS(DMALAB_FIRST(__VA_ARGS__, 0), DMALAB_SECOND(__VA_ARGS__, 0),         \
		    DMALAB_THIRD(__VA_ARGS__, GFP_KERNEL, 0))
#define kzalloc_objs(...)                                                                \
	DMALAB_OBJS(DMALAB_FIRST(__VA_ARGS__, 0), DMALAB_SECOND(__VA_ARGS__, 0),         \
		    (DMALAB_THIRD(__VA_ARGS__, GFP_KERNEL, 0)) | __GFP_ZERO)

/* Room for a structure that ends in an array, and so many elements of it. */
#define DMALAB_FLEX(of, member, n, gfp) \
	((__typeof__(of) *)kmalloc(struct_size((__typeof__(of) *)NULL, member, n), gfp))
#define kmalloc_flex(of, member, ...) \
	DMALAB_FLEX(of, member, DMALAB_FIRST(__VA_ARGS__, 0), DMALAB_SECOND(__VA_ARGS__, GFP_KERNEL, 0))
#define kzalloc_flex(of, member, ...)                           \
	DMALAB_FLEX(of, member, DMALAB_FIRST(__VA_ARGS__, 0),   \
		    (DMALAB_SECOND(__VA_ARGS__, GFP_KERNEL, 0)) | __GFP_ZERO)

/* A cache of blocks of one size. Each block is seen by itself, as one of kmalloc() is. */
struct kmem_cache {
	size_t bytes;
	void (*ctor)(void *);
	unsigned long out;
};

struct kmem_cache_args {
	unsigned int align;
	void (*ctor)(void *);
};

#define SLAB_HWCACHE_ALIGN 0x01u
#define SLAB_PANIC 0x02u

DMALAB_INLINE struct kmem_cache *dmalab_cache(void *room, size_t bytes, void (*ctor)(void *))
{
	struct kmem_cache *cache = (struct kmem_cache *)room;

	if (cache) {
		cache->bytes = bytes;
		cache->ctor = ctor;
		cache->out = 0;
	}
	return cache;
}

DMALAB_INLINE void *dmalab_cache_took(struct kmem_cache *cache, void *block)
{
	if (block) {
		cache->out++;
		if (cache->ctor)
			cache->ctor(block);
	}
	return block;
}

DMALAB_INLINE void (*dmalab_cache_ctor(const struct kmem_cache_args *args))(void *)
{
	void (*none)(void *) = 0;

	return args ? args->ctor : none;
}

#define DMALAB_CACHE_5(name, bytes, align, flags, ctor) \
	((void)(name), (void)(align), (void)(flags),    \
	 dmalab_cache(kmalloc(sizeof(struct kmem_cache), GFP_KERNEL), bytes, ctor))
#define DMALAB_CACHE_4(name, bytes, args, flags) \
	((void)(name), (void)(flags),            \
	 dmalab_cache(kmalloc(sizeof(struct kmem_cache), GFP_KERNEL), bytes, dmalab_cache_ctor(args)))
#define DMALAB_CACHE_OF(a, b, c, d, e, form, ...) form
/* By name, size, align, flags and ctor; or by name, size, arguments and flags. */
#define kmem_cache_create(...) \
	DMALAB_CACHE_OF(__VA_ARGS__, DMALAB_CACHE_5, DMALAB_CACHE_4, 0)(__VA_ARGS__)
#define KMEM_CACHE(type, flags) \
	kmem_cache_create(#type, sizeof(struct type), __alignof__(struct type), flags, 0)

#define kmem_cache_alloc(cache, gfp)                                                        \
	__extension__({                                                                     \
		struct kmem_cache *dmalab_from_ = (cache);                                  \
		dmalab_cache_took(dmalab_from_, kmalloc(dmalab_from_->bytes, gfp));         \
	})
#define kmem_cache_zalloc(cache, gfp) kmem_cache_alloc(cache, (gfp) | __GFP_ZERO)
#define kmem_cache_free(cache, block)                     \
	do {                                              \
		void *dmalab_block_ = (block);            \
		if (dmalab_block_)                        \
			(cache)->out--;                   \
		kfree(dmalab_block_);                     \
	} while (0)
#define kmem_cache_destroy(cache)                             \
	do {                                                  \
		struct kmem_cache *dmalab_cache_ = (cache);   \
		if (dmalab_cache_)                            \
			WARN_ON(dmalab_cache_->out != 0);     \
		kfree(dmalab_cache_);                         \
	} while (0)

#define kmemdup(from, bytes, gfp) dmalab_copied(kmalloc(bytes, gfp), from, bytes)

DMALAB_INLINE void *dmalab_copied(void *to, const void *from, size_t bytes)
{
	return to ? memcpy(to, from, bytes) : to;
}

#endif

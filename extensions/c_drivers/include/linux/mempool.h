#ifndef DMALAB_LINUX_MEMPOOL_H
#define DMALAB_LINUX_MEMPOOL_H

#include <linux/completion.h>
#include <linux/slab.h>

typedef void *(mempool_alloc_t)(gfp_t gfp, void *data);
typedef void (mempool_free_t)(void *element, void *data);

/* Elements that are kept, so that who may sleep always gets one: from the allocator, from what is kept,
 * or when one is freed. */
typedef struct mempool {
	int min_nr;
	int curr_nr;
	void **elements;
	void *data;
	mempool_alloc_t *alloc;
	mempool_free_t *free;
	struct completion given;
} mempool_t;

DMALAB_INLINE void *mempool_alloc_slab(gfp_t gfp, void *data)
{
	return kmem_cache_alloc((struct kmem_cache *)data, gfp);
}

DMALAB_INLINE void mempool_free_slab(void *element, void *data)
{
	kmem_cache_free((struct kmem_cache *)data, element);
}

DMALAB_INLINE void *mempool_kmalloc(gfp_t gfp, void *data)
{
	return kmalloc((size_t)data, gfp);
}

DMALAB_INLINE void mempool_kfree(void *element, void *data)
{
	(void)data;
	kfree(element);
}

DMALAB_INLINE void *mempool_alloc_pages(gfp_t gfp, void *data)
{
	return alloc_pages(gfp, (unsigned int)(unsigned long)data);
}

DMALAB_INLINE void mempool_free_pages(void *element, void *data)
{
	__free_pages((struct page *)element, (unsigned int)(unsigned long)data);
}

DMALAB_INLINE void mempool_destroy(mempool_t *pool)
{
	if (!pool)
		return;
	while (pool->curr_nr > 0)
		pool->free(pool->elements[--pool->curr_nr], pool->data);
	kfree(pool->elements);
	kfree(pool);
}

DMALAB_INLINE mempool_t *dmalab_mempool(void *room, void *elements, int min_nr, mempool_alloc_t *alloc,
					mempool_free_t *free, void *data, gfp_t gfp)
{
	mempool_t *pool = (mempool_t *)room;

	if (!pool || !elements) {
		kfree(elements);
		kfree(pool);
		return 0;
	}
	pool->min_nr = min_nr;
	pool->elements = (void **)elements;
	pool->data = data;
	pool->alloc = alloc;
	pool->free = free;
	while (pool->curr_nr < min_nr) {
		void *element = alloc(gfp, data);

		if (!element) {
			mempool_destroy(pool);
			return 0;
		}
		pool->elements[pool->curr_nr++] = element;
	}
	return pool;
}

#define mempool_create_node(min, alloc, free, data, gfp, node)                                  \
	((void)(node), dmalab_mempool(kzalloc(sizeof(mempool_t), gfp),                          \
				      kcalloc((size_t)(min), sizeof(void *), gfp), min, alloc,  \
				      free, (void *)(data), gfp))
#define mempool_create(min, alloc, free, data) \
	mempool_create_node(min, alloc, free, data, GFP_KERNEL, -1)
#define mempool_create_slab_pool(min, cache) \
	mempool_create(min, mempool_alloc_slab, mempool_free_slab, cache)
#define mempool_create_kmalloc_pool(min, bytes) \
	mempool_create(min, mempool_kmalloc, mempool_kfree, (unsigned long)(bytes))
#define mempool_create_page_pool(min, order) \
	mempool_create(min, mempool_alloc_pages, mempool_free_pages, (unsigned long)(order))

DMALAB_INLINE void *mempool_alloc(mempool_t *pool, gfp_t gfp)
{
	void *element = pool->alloc(gfp, pool->data);

	while (!element) {
		if (pool->curr_nr > 0)
			return pool->elements[--pool->curr_nr];
		if (!gfpflags_allow_blocking(gfp))
			return 0;
		reinit_completion(&pool->given);
		wait_for_completion(&pool->given);
		element = pool->alloc(gfp, pool->data);
	}
	return element;
}

DMALAB_INLINE void mempool_free(void *element, mempool_t *pool)
{
	if (!element)
		return;
	if (pool->curr_nr < pool->min_nr) {
		pool->elements[pool->curr_nr++] = element;
		complete(&pool->given);
		return;
	}
	pool->free(element, pool->data);
}

#endif

/* Caches of objects: each object is memory of its own, so that its use after it is freed is seen. */
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include <dmalab/lab.h>

struct kmem_cache {
	unsigned int bytes;
	void (*constructor)(void *object);
};

struct kmem_cache *__kmem_cache_create_args(const char *name, unsigned int bytes,
					    struct kmem_cache_args *args, slab_flags_t flags)
{
	struct kmem_cache *cache = kzalloc(sizeof(*cache), GFP_KERNEL);

	if (!cache)
		return NULL;
	cache->bytes = bytes;
	cache->constructor = args ? args->ctor : NULL;
	return cache;
}
EXPORT_SYMBOL(__kmem_cache_create_args);

void kmem_cache_destroy(struct kmem_cache *cache)
{
	kfree(cache);
}
EXPORT_SYMBOL(kmem_cache_destroy);

/* Those of the tree's own data structures are made when a kernel starts, for nodes of this kind. */
static void *alloc_node(gfp_t gfp)
{
	struct xa_node *node = kzalloc(sizeof(*node), gfp);

	if (node)
		INIT_LIST_HEAD(&node->private_list);
	return node;
}

static void *alloc(struct kmem_cache *cache, gfp_t gfp)
{
	void *object = cache ? kmalloc(cache->bytes, gfp) : alloc_node(gfp);

	if (object && cache && cache->constructor)
		cache->constructor(object);
	return object;
}

/* The names that the tree's headers wrap in macros, of releases before and since. */
#ifdef kmem_cache_alloc
#undef kmem_cache_alloc
#define kmem_cache_alloc kmem_cache_alloc_noprof
#endif
EXPORT_SYMBOL(kmem_cache_alloc_noprof);
void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	return alloc(cache, gfp);
}

#ifdef kmem_cache_alloc_lru
#undef kmem_cache_alloc_lru
#define kmem_cache_alloc_lru kmem_cache_alloc_lru_noprof
#endif
EXPORT_SYMBOL(kmem_cache_alloc_lru_noprof);
void *kmem_cache_alloc_lru(struct kmem_cache *cache, struct list_lru *lru, gfp_t gfp)
{
	return alloc(cache, gfp);
}

#ifdef kmem_cache_alloc_node
#undef kmem_cache_alloc_node
#define kmem_cache_alloc_node kmem_cache_alloc_node_noprof
#endif
EXPORT_SYMBOL(kmem_cache_alloc_node_noprof);
void *kmem_cache_alloc_node(struct kmem_cache *cache, gfp_t gfp, int node)
{
	return alloc(cache, gfp);
}

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	kfree(object);
}
EXPORT_SYMBOL(kmem_cache_free);

unsigned int kmem_cache_size(struct kmem_cache *cache)
{
	return cache->bytes;
}
EXPORT_SYMBOL(kmem_cache_size);

/* Everything runs in one task, which reads nothing while another one frees. */
void call_rcu(struct rcu_head *head, rcu_callback_t function)
{
	function(head);
}
EXPORT_SYMBOL(call_rcu);

void synchronize_rcu(void)
{
	lab_may_sleep("synchronize_rcu");
}
EXPORT_SYMBOL(synchronize_rcu);

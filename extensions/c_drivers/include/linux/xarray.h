#ifndef DMALAB_LINUX_XARRAY_H
#define DMALAB_LINUX_XARRAY_H

#include <linux/err.h>
#include <linux/slab.h>

/* Entries by their indexes, the lowest first. Each has a block of its own, which is taken before it is
 * known whether there is one for the index already, and freed then. */
struct dmalab_xa_node {
	struct dmalab_xa_node *next;
	unsigned long index;
	void *entry;
};

struct xarray {
	struct dmalab_xa_node *dmalab_first;
};

/* Which indexes may be given, both ends among them. */
struct xa_limit {
	u32 max;
	u32 min;
};

#define XA_LIMIT(least, most) ((struct xa_limit){ .max = (most), .min = (least) })
#define xa_limit_32b XA_LIMIT(0, ~0U)
#define xa_limit_31b XA_LIMIT(0, 0x7fffffffU)
#define XA_FLAGS_ALLOC 4u
#define DEFINE_XARRAY(name) struct xarray name = { NULL }
#define DEFINE_XARRAY_ALLOC(name) DEFINE_XARRAY(name)
#define xa_init(xa) ((void)((xa)->dmalab_first = NULL))
#define xa_init_flags(xa, flags) ((void)(flags), xa_init(xa))

/* An error in the place of an entry. */
DMALAB_INLINE int xa_err(void *entry)
{
	return IS_ERR(entry) ? (int)PTR_ERR(entry) : 0;
}

DMALAB_INLINE bool xa_is_err(const void *entry)
{
	return IS_ERR(entry);
}

/* Where the first entry hangs whose index is at least that. */
DMALAB_INLINE struct dmalab_xa_node **dmalab_xa_at(struct xarray *xa, unsigned long index)
{
	struct dmalab_xa_node **at = &xa->dmalab_first;

	while (*at && (*at)->index < index)
		at = &(*at)->next;
	return at;
}

DMALAB_INLINE void *xa_load(struct xarray *xa, unsigned long index)
{
	struct dmalab_xa_node *node = *dmalab_xa_at(xa, index);

	return node && node->index == index ? node->entry : NULL;
}

DMALAB_INLINE void *xa_erase(struct xarray *xa, unsigned long index)
{
	struct dmalab_xa_node **at = dmalab_xa_at(xa, index), *node = *at;
	void *entry;

	if (!node || node->index != index)
		return NULL;
	entry = node->entry;
	*at = node->next;
	kfree(node);
	return entry;
}

DMALAB_INLINE void dmalab_xa_hang(struct dmalab_xa_node **at, struct dmalab_xa_node *node, unsigned long index,
				  void *entry)
{
	node->next = *at;
	node->index = index;
	node->entry = entry;
	*at = node;
}

DMALAB_INLINE void *dmalab_xa_store(struct xarray *xa, unsigned long index, void *entry, void *room)
{
	struct dmalab_xa_node **at = dmalab_xa_at(xa, index), *node = *at;
	void *old = NULL;

	if (node && node->index == index) {
		old = node->entry;
		node->entry = entry;
		kfree(room);
		return old;
	}
	if (!room)
		return ERR_PTR(-ENOMEM);
	dmalab_xa_hang(at, (struct dmalab_xa_node *)room, index, entry);
	return NULL;
}

/* What was there; storing nothing takes it away. */
#define xa_store(xa, index, what, gfp)                                                          \
	__extension__({                                                                         \
		void *xa_what_ = (void *)(what);                                                \
		struct xarray *xa_in_ = (xa);                                                   \
		unsigned long xa_index_ = (index);                                              \
		xa_what_ ? dmalab_xa_store(xa_in_, xa_index_, xa_what_,                         \
					   kmalloc(sizeof(struct dmalab_xa_node), gfp))         \
			 : xa_erase(xa_in_, xa_index_);                                         \
	})

DMALAB_INLINE int dmalab_xa_alloc(struct xarray *xa, u32 *id, void *entry, struct xa_limit limit, void *room)
{
	struct dmalab_xa_node **at = dmalab_xa_at(xa, limit.min);
	unsigned long index = limit.min;

	for (; *at && (*at)->index == index; at = &(*at)->next)
		index++;
	if (!room || index > limit.max) {
		kfree(room);
		return room ? -EBUSY : -ENOMEM;
	}
	dmalab_xa_hang(at, (struct dmalab_xa_node *)room, index, entry);
	*id = (u32)index;
	return 0;
}

/* The first index of the limit that is free. */
#define xa_alloc(xa, id, entry, limit, gfp) \
	dmalab_xa_alloc(xa, id, (void *)(entry), limit, kmalloc(sizeof(struct dmalab_xa_node), gfp))

DMALAB_INLINE void *dmalab_xa_next(struct xarray *xa, unsigned long *index)
{
	struct dmalab_xa_node *node = *dmalab_xa_at(xa, *index);

	if (node)
		*index = node->index;
	return node ? node->entry : NULL;
}

#define xa_for_each(xa, at, what)                                                                 \
	for ((at) = 0; ((what) = (__typeof__(what))dmalab_xa_next((xa), &(at))) != NULL; (at)++)

DMALAB_INLINE bool xa_empty(const struct xarray *xa)
{
	return !xa->dmalab_first;
}

DMALAB_INLINE void xa_destroy(struct xarray *xa)
{
	while (xa->dmalab_first)
		xa_erase(xa, xa->dmalab_first->index);
}

#endif

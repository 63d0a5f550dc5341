#ifndef DMALAB_LINUX_IDR_H
#define DMALAB_LINUX_IDR_H

#include <linux/xarray.h>

/* Numbers for what one points to, and numbers alone. */
struct idr {
	struct xarray dmalab_entries;
};

struct ida {
	struct xarray dmalab_taken;
};

#define DEFINE_IDR(name) struct idr name = { { NULL } }
#define DEFINE_IDA(name) struct ida name = { { NULL } }
#define idr_init(idr) xa_init(&(idr)->dmalab_entries)
#define ida_init(ida) xa_init(&(ida)->dmalab_taken)
#define idr_find(idr, id) xa_load(&(idr)->dmalab_entries, (unsigned long)(id))
#define idr_remove(idr, id) xa_erase(&(idr)->dmalab_entries, (unsigned long)(id))
#define idr_destroy(idr) xa_destroy(&(idr)->dmalab_entries)
#define idr_is_empty(idr) xa_empty(&(idr)->dmalab_entries)
#define ida_destroy(ida) xa_destroy(&(ida)->dmalab_taken)
#define ida_free(ida, id) ((void)xa_erase(&(ida)->dmalab_taken, (unsigned long)(id)))

DMALAB_INLINE int dmalab_id_alloc(struct xarray *entries, void *entry, struct xa_limit limit, void *room)
{
	u32 id = 0;
	int error = limit.min > limit.max ? -EBUSY : dmalab_xa_alloc(entries, &id, entry, limit, room);

	if (limit.min > limit.max)
		kfree(room);
	return error == -EBUSY ? -ENOSPC : error ? error : (int)id;
}

#define DMALAB_ID_ALLOC(entries, entry, least, most, gfp)                             \
	dmalab_id_alloc(entries, (void *)(entry), XA_LIMIT((u32)(least), (u32)(most)), \
			kmalloc(sizeof(struct dmalab_xa_node), gfp))

/* From `start` on, below `end`; an end of 0 is none. */
#define idr_alloc(idr, entry, start, end, gfp)                      \
	DMALAB_ID_ALLOC(&(idr)->dmalab_entries, entry, start,       \
			(end) > 0 ? (end) - 1 : 0x7fffffff, gfp)
#define ida_alloc_range(ida, least, most, gfp) \
	DMALAB_ID_ALLOC(&(ida)->dmalab_taken, (ida), least, most, gfp)
#define ida_alloc_max(ida, most, gfp) ida_alloc_range(ida, 0, most, gfp)
#define ida_alloc(ida, gfp) ida_alloc_range(ida, 0, 0x7fffffff, gfp)

#endif

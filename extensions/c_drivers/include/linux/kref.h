#ifndef DMALAB_LINUX_KREF_H
#define DMALAB_LINUX_KREF_H

#include <linux/refcount.h>

struct kref {
	refcount_t refcount;
};

DMALAB_INLINE void kref_init(struct kref *kref)
{
	refcount_set(&kref->refcount, 1);
}

DMALAB_INLINE unsigned int kref_read(const struct kref *kref)
{
	return refcount_read(&kref->refcount);
}

DMALAB_INLINE void kref_get(struct kref *kref)
{
	refcount_inc(&kref->refcount);
}

DMALAB_INLINE int kref_get_unless_zero(struct kref *kref)
{
	return refcount_inc_not_zero(&kref->refcount);
}

/* 1 where it was the last one, which `release` has been called for. */
DMALAB_INLINE int kref_put(struct kref *kref, void (*release)(struct kref *kref))
{
	if (!refcount_dec_and_test(&kref->refcount))
		return 0;
	release(kref);
	return 1;
}

#endif

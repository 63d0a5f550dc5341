#ifndef DMALAB_LINUX_REFCOUNT_H
#define DMALAB_LINUX_REFCOUNT_H

#include <linux/atomic.h>
#include <linux/bug.h>

/* A count of users. A reference that is taken at a count of zero is reported, and so is one too
 * many that is put. */
typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

#define REFCOUNT_INIT(value) { ATOMIC_INIT(value) }

DMALAB_INLINE void refcount_set(refcount_t *r, int value)
{
	atomic_set(&r->refs, value);
}

DMALAB_INLINE unsigned int refcount_read(const refcount_t *r)
{
	return (unsigned int)atomic_read(&r->refs);
}

/* The parentheses leave the place to the line of the caller. */
DMALAB_INLINE void dmalab_refcount_warn(bool wrong, const char *what)
{
	if (unlikely(wrong))
		(dmalab_warn)(what);
}

DMALAB_INLINE void refcount_inc(refcount_t *r)
{
	dmalab_refcount_warn(atomic_inc_return(&r->refs) <= 1, "refcount_inc() from zero");
}

DMALAB_INLINE bool refcount_inc_not_zero(refcount_t *r)
{
	return atomic_inc_not_zero(&r->refs);
}

DMALAB_INLINE bool refcount_dec_and_test(refcount_t *r)
{
	int left = atomic_dec_return(&r->refs);

	dmalab_refcount_warn(left < 0, "refcount_dec_and_test() below zero");
	return left == 0;
}

DMALAB_INLINE void refcount_dec(refcount_t *r)
{
	dmalab_refcount_warn(atomic_dec_return(&r->refs) <= 0, "refcount_dec() to zero");
}

#endif

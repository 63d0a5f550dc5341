#ifndef DMALAB_LINUX_ATOMIC_H
#define DMALAB_LINUX_ATOMIC_H

#include <linux/compiler.h>

/* Nothing comes in between the statements of C between two calls of the kernel, so that what is
 * written here in several steps happens in one. */
typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

#define ATOMIC_INIT(value) { (value) }
#define ATOMIC64_INIT(value) { (value) }

#define DMALAB_ATOMIC(name, number)                                                                 \
	DMALAB_INLINE number name##_read(const name##_t *v)                                         \
	{                                                                                           \
		return READ_ONCE(v->counter);                                                       \
	}                                                                                           \
	DMALAB_INLINE void name##_set(name##_t *v, number value)                                    \
	{                                                                                           \
		WRITE_ONCE(v->counter, value);                                                      \
	}                                                                                           \
	DMALAB_INLINE number name##_add_return(number by, name##_t *v)                              \
	{                                                                                           \
		number sum = name##_read(v) + by;                                                   \
		name##_set(v, sum);                                                                 \
		return sum;                                                                         \
	}                                                                                           \
	DMALAB_INLINE number name##_sub_return(number by, name##_t *v)                              \
	{                                                                                           \
		return name##_add_return(-by, v);                                                   \
	}                                                                                           \
	DMALAB_INLINE number name##_inc_return(name##_t *v)                                         \
	{                                                                                           \
		return name##_add_return(1, v);                                                     \
	}                                                                                           \
	DMALAB_INLINE number name##_dec_return(name##_t *v)                                         \
	{                                                                                           \
		return name##_add_return(-1, v);                                                    \
	}                                                                                           \
	DMALAB_INLINE void name##_add(number by, name##_t *v)                                       \
	{                                                                                           \
		name##_add_return(by, v);                                                           \
	}                                                                                           \
	DMALAB_INLINE void name##_sub(number by, name##_t *v)                                       \
	{                                                                                           \
		name##_add_return(-by, v);                                                          \
	}                                                                                           \
	DMALAB_INLINE void name##_inc(name##_t *v)                                                  \
	{                                                                                           \
		name##_add_return(1, v);                                                            \
	}                                                                                           \
	DMALAB_INLINE void name##_dec(name##_t *v)                                                  \
	{                                                                                           \
		name##_add_return(-1, v);                                                           \
	}                                                                                           \
	DMALAB_INLINE bool name##_dec_and_test(name##_t *v)                                         \
	{                                                                                           \
		return name##_add_return(-1, v) == 0;                                               \
	}                                                                                           \
	DMALAB_INLINE bool name##_inc_and_test(name##_t *v)                                         \
	{                                                                                           \
		return name##_add_return(1, v) == 0;                                                \
	}                                                                                           \
	DMALAB_INLINE bool name##_sub_and_test(number by, name##_t *v)                              \
	{                                                                                           \
		return name##_add_return(-by, v) == 0;                                              \
	}                                                                                           \
	DMALAB_INLINE bool name##_add_unless(name##_t *v, number by, number not_from)               \
	{                                                                                           \
		if (name##_read(v) == not_from)                                                     \
			return false;                                                               \
		name##_add_return(by, v);                                                           \
		return true;                                                                        \
	}                                                                                           \
	DMALAB_INLINE bool name##_inc_not_zero(name##_t *v)                                         \
	{                                                                                           \
		return name##_add_unless(v, 1, 0);                                                  \
	}                                                                                           \
	DMALAB_INLINE number name##_xchg(name##_t *v, number value)                                 \
	{                                                                                           \
		number was = name##_read(v);                                                        \
		name##_set(v, value);                                                               \
		return was;                                                                         \
	}                                                                                           \
	DMALAB_INLINE number name##_cmpxchg(name##_t *v, number expected, number value)             \
	{                                                                                           \
		number was = name##_read(v);                                                        \
		if (was == expected)                                                                \
			name##_set(v, value);                                                       \
		return was;                                                                         \
	}

DMALAB_ATOMIC(atomic, int)
DMALAB_ATOMIC(atomic64, s64)

/* The same for a variable of any type: what it was comes back. */
#define xchg(ptr, value)                                                  \
	__extension__({                                                   \
		__typeof__(ptr) xchg_at_ = (ptr);                         \
		__typeof__(*(ptr)) xchg_was_ = READ_ONCE(*xchg_at_);      \
		WRITE_ONCE(*xchg_at_, (value));                           \
		xchg_was_;                                                \
	})
#define cmpxchg(ptr, expected, value)                                     \
	__extension__({                                                   \
		__typeof__(ptr) cmpxchg_at_ = (ptr);                      \
		__typeof__(*(ptr)) cmpxchg_was_ = READ_ONCE(*cmpxchg_at_); \
		if (cmpxchg_was_ == (expected))                           \
			WRITE_ONCE(*cmpxchg_at_, (value));                \
		cmpxchg_was_;                                             \
	})

#endif

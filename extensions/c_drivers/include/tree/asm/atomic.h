/* 64-bit atomic operations by the compiler's builtins; those of 32 bits are the tree's generic ones. */
#ifndef DMALAB_TREE_ATOMIC_H
#define DMALAB_TREE_ATOMIC_H
#include <asm/processor.h>
#include <asm-generic/atomic.h>

#define ATOMIC64_INIT(value) { (value) }
#define arch_atomic64_read(v) READ_ONCE((v)->counter)
#define arch_atomic64_set(v, value) WRITE_ONCE((v)->counter, (value))

#define DMALAB_ATOMIC64(op)                                                     \
	static inline void arch_atomic64_##op(s64 by, atomic64_t *v)            \
	{                                                                       \
		__atomic_fetch_##op(&v->counter, by, __ATOMIC_SEQ_CST);         \
	}                                                                       \
	static inline s64 arch_atomic64_fetch_##op(s64 by, atomic64_t *v)       \
	{                                                                       \
		return __atomic_fetch_##op(&v->counter, by, __ATOMIC_SEQ_CST);  \
	}
#define DMALAB_ATOMIC64_RETURN(op)                                              \
	static inline s64 arch_atomic64_##op##_return(s64 by, atomic64_t *v)    \
	{                                                                       \
		return __atomic_##op##_fetch(&v->counter, by, __ATOMIC_SEQ_CST); \
	}

DMALAB_ATOMIC64(add)
DMALAB_ATOMIC64(sub)
DMALAB_ATOMIC64(and)
DMALAB_ATOMIC64(or)
DMALAB_ATOMIC64(xor)
DMALAB_ATOMIC64_RETURN(add)
DMALAB_ATOMIC64_RETURN(sub)

/* What the tree's fallbacks look for. */
#define arch_atomic64_add_return arch_atomic64_add_return
#define arch_atomic64_sub_return arch_atomic64_sub_return
#define arch_atomic64_fetch_add arch_atomic64_fetch_add
#define arch_atomic64_fetch_sub arch_atomic64_fetch_sub
#define arch_atomic64_fetch_and arch_atomic64_fetch_and
#define arch_atomic64_fetch_or arch_atomic64_fetch_or
#define arch_atomic64_fetch_xor arch_atomic64_fetch_xor
#define arch_atomic64_xchg(v, value) arch_xchg(&(v)->counter, value)
#define arch_atomic64_cmpxchg(v, old, value) arch_cmpxchg(&(v)->counter, old, value)

#endif

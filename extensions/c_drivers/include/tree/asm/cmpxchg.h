/* Exchanges of any width by the compiler's builtins. */
#ifndef DMALAB_TREE_CMPXCHG_H
#define DMALAB_TREE_CMPXCHG_H

#define arch_xchg(at, value) \
	__atomic_exchange_n((at), (__typeof__(*(at)))(value), __ATOMIC_SEQ_CST)
#define arch_cmpxchg(at, old, value)                                                   \
	({                                                                             \
		__typeof__(*(at)) lab_old_ = (__typeof__(*(at)))(old);                 \
		__atomic_compare_exchange_n((at), &lab_old_, (__typeof__(*(at)))(value), \
					    0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);    \
		lab_old_;                                                              \
	})
#define arch_cmpxchg_local arch_cmpxchg
#define arch_cmpxchg64 arch_cmpxchg
#define arch_cmpxchg64_local arch_cmpxchg

#endif

#ifndef DMALAB_LINUX_SPINLOCK_H
#define DMALAB_LINUX_SPINLOCK_H

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/lockdep.h>
#include <linux/types.h>
#include <linux/interrupt.h>
#include <dmalab/calls/spinlock.h>

typedef struct spinlock {
	int dmalab_held;
} spinlock_t;

#define DEFINE_SPINLOCK(name) spinlock_t name = { 0 }
#define spin_lock_init(lock) ((void)((lock)->dmalab_held = 0))
#define spin_lock(lock) dmalab_lock(&(lock)->dmalab_held)
#define spin_unlock(lock) dmalab_unlock(&(lock)->dmalab_held)
#define spin_trylock(lock) dmalab_trylock(&(lock)->dmalab_held)
#define spin_is_locked(lock) ((lock)->dmalab_held != 0)
#define spin_lock_bh spin_lock
#define spin_unlock_bh spin_unlock
#define spin_lock_irq(lock)          \
	do {                         \
		local_irq_disable(); \
		spin_lock(lock);     \
	} while (0)
#define spin_unlock_irq(lock)       \
	do {                        \
		spin_unlock(lock);  \
		local_irq_enable(); \
	} while (0)
#define spin_lock_irqsave(lock, flags) \
	do {                           \
		local_irq_save(flags); \
		spin_lock(lock);       \
	} while (0)
#define spin_unlock_irqrestore(lock, flags) \
	do {                                \
		spin_unlock(lock);          \
		local_irq_restore(flags);   \
	} while (0)

/* `guard(spinlock)(&lock);` and its like. */
struct dmalab_spin_guard {
	spinlock_t *lock;
	bool irqs;
};

DMALAB_INLINE void dmalab_spin_guard_ends(struct dmalab_spin_guard *guard)
{
	(dmalab_unlock)(&guard->lock->dmalab_held);
	if (guard->irqs)
		(dmalab_irq_restore)();
}

#define DMALAB_SPIN_GUARD(lock_, irqs_)                                                         \
	struct dmalab_spin_guard DMALAB_JOIN(dmalab_guard_, __LINE__)                           \
		__attribute__((cleanup(dmalab_spin_guard_ends), unused)) = __extension__({      \
			struct dmalab_spin_guard guard_ = { (lock_), (irqs_) };                 \
			if (guard_.irqs)                                                        \
				local_irq_disable();                                            \
			spin_lock(guard_.lock);                                                 \
			guard_;                                                                 \
		})
#define DMALAB_GUARD_spinlock(lock) DMALAB_SPIN_GUARD(lock, false)
#define DMALAB_GUARD_spinlock_bh(lock) DMALAB_SPIN_GUARD(lock, false)
#define DMALAB_GUARD_spinlock_irq(lock) DMALAB_SPIN_GUARD(lock, true)
#define DMALAB_GUARD_spinlock_irqsave(lock) DMALAB_SPIN_GUARD(lock, true)

#endif

#ifndef DMALAB_LINUX_SPINLOCK_H
#define DMALAB_LINUX_SPINLOCK_H

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

#endif

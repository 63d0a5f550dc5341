#ifndef DMALAB_LINUX_MUTEX_H
#define DMALAB_LINUX_MUTEX_H

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/lockdep.h>
#include <linux/types.h>
#include <dmalab/calls/mutex.h>

struct mutex {
	int dmalab_held;
};

#define DEFINE_MUTEX(name) struct mutex name = { 0 }
#define mutex_init(lock) ((void)((lock)->dmalab_held = 0))
#define mutex_destroy(lock) ((void)(lock))

DMALAB_INLINE bool mutex_is_locked(const struct mutex *lock)
{
	return lock->dmalab_held != 0;
}

DMALAB_INLINE void dmalab_guard_ends(struct mutex **lock)
{
	(mutex_unlock)(*lock);
}

#define DMALAB_GUARD_mutex(lock)                                                    \
	struct mutex *DMALAB_JOIN(dmalab_guard_, __LINE__)                          \
		__attribute__((cleanup(dmalab_guard_ends), unused)) = __extension__({ \
			struct mutex *guarded_ = (lock);                            \
			mutex_lock(guarded_);                                       \
			guarded_;                                                   \
		})

#endif

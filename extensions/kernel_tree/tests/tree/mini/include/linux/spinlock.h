#ifndef MINI_SPINLOCK_H
#define MINI_SPINLOCK_H
typedef struct {
	unsigned int word;
} raw_spinlock_t;
typedef struct {
	raw_spinlock_t rlock;
} spinlock_t;
void _raw_spin_lock(raw_spinlock_t *lock);
void _raw_spin_unlock(raw_spinlock_t *lock);
#define spin_lock(lock) _raw_spin_lock(&(lock)->rlock)
#define spin_unlock(lock) _raw_spin_unlock(&(lock)->rlock)
#endif

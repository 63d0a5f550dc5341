/* Semaphores for readers and writers: a writer holds it as a mutex is held; readers are not counted. */
#include <linux/rwsem.h>
#include <dmalab/lab.h>

void lab_mutex_lock(void *lock);
int lab_mutex_trylock(void *lock);
void lab_mutex_unlock(void *lock);

void __init_rwsem(struct rw_semaphore *sem, const char *name, struct lock_class_key *key)
{
	atomic_long_set(&sem->count, 0);
	INIT_LIST_HEAD(&sem->wait_list);
}
EXPORT_SYMBOL(__init_rwsem);

void down_write(struct rw_semaphore *sem)
{
	lab_mutex_lock(sem);
}
EXPORT_SYMBOL(down_write);

int down_write_killable(struct rw_semaphore *sem)
{
	lab_mutex_lock(sem);
	return 0;
}
EXPORT_SYMBOL(down_write_killable);

int down_write_trylock(struct rw_semaphore *sem)
{
	return lab_mutex_trylock(sem);
}
EXPORT_SYMBOL(down_write_trylock);

void up_write(struct rw_semaphore *sem)
{
	lab_mutex_unlock(sem);
}
EXPORT_SYMBOL(up_write);

void downgrade_write(struct rw_semaphore *sem)
{
	lab_mutex_unlock(sem);
}
EXPORT_SYMBOL(downgrade_write);

void down_read(struct rw_semaphore *sem)
{
	lab_may_sleep("down_read");
}
EXPORT_SYMBOL(down_read);

int down_read_interruptible(struct rw_semaphore *sem)
{
	lab_may_sleep("down_read_interruptible");
	return 0;
}
EXPORT_SYMBOL(down_read_interruptible);

int down_read_killable(struct rw_semaphore *sem)
{
	lab_may_sleep("down_read_killable");
	return 0;
}
EXPORT_SYMBOL(down_read_killable);

/* A writer's mark is there while it waits: the reader cannot have it then. */
int down_read_trylock(struct rw_semaphore *sem)
{
	return !rwsem_is_locked(sem);
}
EXPORT_SYMBOL(down_read_trylock);

void up_read(struct rw_semaphore *sem)
{
}
EXPORT_SYMBOL(up_read);

/* Threads of the kernel: a worker runs what is queued as work does; any other thread waits, and never runs. */
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <dmalab/lab.h>

static struct kthread_worker *make_worker(unsigned int flags)
{
	struct kthread_worker *worker = kzalloc(sizeof(*worker), GFP_KERNEL);

	if (!worker)
		return ERR_PTR(-ENOMEM);
	worker->flags = flags;
	raw_spin_lock_init(&worker->lock);
	INIT_LIST_HEAD(&worker->work_list);
	INIT_LIST_HEAD(&worker->delayed_work_list);
	worker->task = current;
	return worker;
}

struct kthread_worker *kthread_create_worker_on_node(unsigned int flags, int node,
						     const char format[], ...)
{
	return make_worker(flags);
}
EXPORT_SYMBOL(kthread_create_worker_on_node);

/* A macro since 6.14. */
#ifndef kthread_create_worker
struct kthread_worker *kthread_create_worker(unsigned int flags, const char format[], ...)
{
	return make_worker(flags);
}
EXPORT_SYMBOL(kthread_create_worker);
#endif

int wake_up_process(struct task_struct *task)
{
	return 1;
}
EXPORT_SYMBOL(wake_up_process);

static void run_work(struct kthread_work *work)
{
	list_del_init(&work->node);
	work->func(work);
}

bool kthread_queue_work(struct kthread_worker *worker, struct kthread_work *work)
{
	if (!list_empty(&work->node))
		return false;
	work->worker = worker;
	list_add_tail(&work->node, &worker->work_list);
	return lab_defer(work, run_work);
}
EXPORT_SYMBOL(kthread_queue_work);

void kthread_flush_work(struct kthread_work *work)
{
	lab_may_sleep("kthread_flush_work");
	lab_flush(work);
}
EXPORT_SYMBOL(kthread_flush_work);

void kthread_flush_worker(struct kthread_worker *worker)
{
	struct kthread_work *work;

	lab_may_sleep("kthread_flush_worker");
	while ((work = list_first_entry_or_null(&worker->work_list, struct kthread_work, node)))
		if (!lab_flush(work))
			list_del_init(&work->node);
}
EXPORT_SYMBOL(kthread_flush_worker);

bool kthread_cancel_work_sync(struct kthread_work *work)
{
	lab_may_sleep("kthread_cancel_work_sync");
	list_del_init(&work->node);
	return lab_cancel(work);
}
EXPORT_SYMBOL(kthread_cancel_work_sync);

void kthread_delayed_work_timer_fn(struct timer_list *timer)
{
	struct kthread_delayed_work *delayed = container_of(timer, struct kthread_delayed_work, timer);

	kthread_queue_work(delayed->work.worker, &delayed->work);
}
EXPORT_SYMBOL(kthread_delayed_work_timer_fn);

bool kthread_queue_delayed_work(struct kthread_worker *worker, struct kthread_delayed_work *delayed,
				unsigned long ticks)
{
	if (!list_empty(&delayed->work.node) || timer_pending(&delayed->timer))
		return false;
	if (ticks == 0)
		return kthread_queue_work(worker, &delayed->work);
	delayed->work.worker = worker;
	mod_timer(&delayed->timer, jiffies + ticks);
	return true;
}
EXPORT_SYMBOL(kthread_queue_delayed_work);

bool kthread_cancel_delayed_work_sync(struct kthread_delayed_work *delayed)
{
	bool waited = timer_delete_sync(&delayed->timer);

	return kthread_cancel_work_sync(&delayed->work) || waited;
}
EXPORT_SYMBOL(kthread_cancel_delayed_work_sync);

bool kthread_mod_delayed_work(struct kthread_worker *worker, struct kthread_delayed_work *delayed,
			      unsigned long ticks)
{
	bool waited = kthread_cancel_delayed_work_sync(delayed);

	kthread_queue_delayed_work(worker, delayed, ticks);
	return waited;
}
EXPORT_SYMBOL(kthread_mod_delayed_work);

void kthread_destroy_worker(struct kthread_worker *worker)
{
	kthread_flush_worker(worker);
	kfree(worker);
}
EXPORT_SYMBOL(kthread_destroy_worker);

/* One that is stopped before it has run says so. */
struct task_struct *kthread_create_on_node(int (*run)(void *), void *data, int node,
					   const char format[], ...)
{
	static struct task_struct thread;
	void *stack = kzalloc(1, GFP_KERNEL);

	if (!stack)
		return ERR_PTR(-ENOMEM);
	/* When it ends is its own affair. */
	kfree(stack);
	refcount_set(&thread.usage, INT_MAX / 2);
	pr_info("a thread of the driver is made, and does not run\n");
	return &thread;
}
EXPORT_SYMBOL(kthread_create_on_node);

int kthread_stop(struct task_struct *task)
{
	lab_may_sleep("kthread_stop");
	return -EINTR;
}
EXPORT_SYMBOL(kthread_stop);

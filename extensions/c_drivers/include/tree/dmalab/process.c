/* Waiting, and what is put off, by the tree's own structures. @see extensions/c_drivers/calls/interrupt.ts, deferred.ts */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/version.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <dmalab/lab.h>

/* Everything runs in one task. */
struct task_struct *lab_current(void)
{
	static struct task_struct task;

	/* Its flags, such as that of a pending signal, are read from there. */
	task.stack = lab_thread();
	return &task;
}
EXPORT_SYMBOL(lab_current);

struct thread_info *lab_thread(void)
{
	static struct thread_info info;

	return &info;
}
EXPORT_SYMBOL(lab_thread);

unsigned long __msecs_to_jiffies(const unsigned int ms)
{
	return (int)ms < 0 ? MAX_JIFFY_OFFSET : _msecs_to_jiffies(ms);
}
EXPORT_SYMBOL(__msecs_to_jiffies);

unsigned long __usecs_to_jiffies(const unsigned int us)
{
	return _usecs_to_jiffies(us);
}
EXPORT_SYMBOL(__usecs_to_jiffies);

#define ALL_DONE UINT_MAX
#define FOREVER ULLONG_MAX

void complete(struct completion *x)
{
	if (x->done != ALL_DONE)
		x->done++;
}
EXPORT_SYMBOL(complete);

void complete_all(struct completion *x)
{
	x->done = ALL_DONE;
}
EXPORT_SYMBOL(complete_all);

bool completion_done(struct completion *x)
{
	return x->done != 0;
}
EXPORT_SYMBOL(completion_done);

bool try_wait_for_completion(struct completion *x)
{
	if (!x->done)
		return false;
	if (x->done != ALL_DONE)
		x->done--;
	return true;
}
EXPORT_SYMBOL(try_wait_for_completion);

/* What is left of the ticks, at least 1, or 0. */
static unsigned long wait_done(struct completion *x, unsigned long ticks)
{
	unsigned long end = jiffies + ticks;
	bool endless = ticks >= MAX_SCHEDULE_TIMEOUT;

	if (!lab_wait(&x->done, endless ? FOREVER : (u64)ticks * NSEC_PER_SEC / HZ))
		return 0;
	try_wait_for_completion(x);
	return endless || time_after_eq(jiffies, end) ? 1 : end - jiffies;
}

void wait_for_completion(struct completion *x)
{
	wait_done(x, MAX_SCHEDULE_TIMEOUT);
}
EXPORT_SYMBOL(wait_for_completion);

unsigned long wait_for_completion_timeout(struct completion *x, unsigned long ticks)
{
	return wait_done(x, ticks);
}
EXPORT_SYMBOL(wait_for_completion_timeout);

unsigned long wait_for_completion_io_timeout(struct completion *x, unsigned long ticks)
{
	return wait_done(x, ticks);
}
EXPORT_SYMBOL(wait_for_completion_io_timeout);

/* No signal ever comes. */
int wait_for_completion_interruptible(struct completion *x)
{
	wait_done(x, MAX_SCHEDULE_TIMEOUT);
	return 0;
}
EXPORT_SYMBOL(wait_for_completion_interruptible);

long wait_for_completion_interruptible_timeout(struct completion *x, unsigned long ticks)
{
	return wait_done(x, ticks);
}
EXPORT_SYMBOL(wait_for_completion_interruptible_timeout);

/* A condition is looked at again after each thing that has happened. */
void init_wait_entry(struct wait_queue_entry *entry, int flags)
{
}
EXPORT_SYMBOL(init_wait_entry);

long prepare_to_wait_event(struct wait_queue_head *head, struct wait_queue_entry *entry, int state)
{
	return 0;
}
EXPORT_SYMBOL(prepare_to_wait_event);

void finish_wait(struct wait_queue_head *head, struct wait_queue_entry *entry)
{
}
EXPORT_SYMBOL(finish_wait);

void __init_waitqueue_head(struct wait_queue_head *head, const char *name,
			   struct lock_class_key *key)
{
	spin_lock_init(&head->lock);
	INIT_LIST_HEAD(&head->head);
}
EXPORT_SYMBOL(__init_waitqueue_head);

int __wake_up(struct wait_queue_head *head, unsigned int mode, int count, void *key)
{
	return 0;
}
EXPORT_SYMBOL(__wake_up);

void schedule(void)
{
	lab_may_sleep("schedule");
	lab_nap(FOREVER);
}
EXPORT_SYMBOL(schedule);

signed long schedule_timeout(signed long ticks)
{
	unsigned long end = jiffies + ticks;

	lab_may_sleep("schedule_timeout");
	lab_nap(ticks == MAX_SCHEDULE_TIMEOUT ? FOREVER : (u64)ticks * NSEC_PER_SEC / HZ);
	if (ticks == MAX_SCHEDULE_TIMEOUT)
		return ticks;
	return time_after_eq(jiffies, end) ? 0 : (long)(end - jiffies);
}
EXPORT_SYMBOL(schedule_timeout);

void msleep(unsigned int ms)
{
	lab_sleep("msleep", (u64)ms * NSEC_PER_MSEC);
}
EXPORT_SYMBOL(msleep);

unsigned long msleep_interruptible(unsigned int ms)
{
	msleep(ms);
	return 0;
}
EXPORT_SYMBOL(msleep_interruptible);

void usleep_range_state(unsigned long least, unsigned long most, unsigned int state)
{
	lab_sleep("usleep_range", (u64)least * NSEC_PER_USEC);
}
EXPORT_SYMBOL(usleep_range_state);

void __udelay(unsigned long us)
{
	lab_spin((u64)us * NSEC_PER_USEC);
}
EXPORT_SYMBOL(__udelay);

void __ndelay(unsigned long ns)
{
	lab_spin(ns);
}
EXPORT_SYMBOL(__ndelay);

/* A constant in units of 2^-32 s, as asm-generic/delay.h makes it. */
void __const_udelay(unsigned long parts)
{
	lab_spin((u64)parts * NSEC_PER_SEC >> 32);
}
EXPORT_SYMBOL(__const_udelay);

static void run_timer(struct timer_list *timer)
{
	timer->entry.pprev = NULL;
	timer->function(timer);
}

int mod_timer(struct timer_list *timer, unsigned long expires)
{
	timer->expires = expires;
	/* What timer_pending() looks at. */
	timer->entry.pprev = &timer->entry.next;
	return lab_arm(timer, expires, run_timer);
}
EXPORT_SYMBOL(mod_timer);

void add_timer(struct timer_list *timer)
{
	mod_timer(timer, timer->expires);
}
EXPORT_SYMBOL(add_timer);

int timer_delete(struct timer_list *timer)
{
	timer->entry.pprev = NULL;
	return lab_disarm(timer);
}
EXPORT_SYMBOL(timer_delete);

int timer_delete_sync(struct timer_list *timer)
{
	lab_may_sleep("timer_delete_sync");
	return timer_delete(timer);
}
EXPORT_SYMBOL(timer_delete_sync);

int timer_shutdown_sync(struct timer_list *timer)
{
	return timer_delete_sync(timer);
}
EXPORT_SYMBOL(timer_shutdown_sync);

static void set_up_timer(struct timer_list *timer, void (*function)(struct timer_list *),
			 unsigned int flags)
{
	timer->entry.pprev = NULL;
	timer->function = function;
	timer->flags = flags;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
void timer_init_key(struct timer_list *timer, void (*function)(struct timer_list *),
		    unsigned int flags, const char *name, struct lock_class_key *key)
{
	set_up_timer(timer, function, flags);
}
#else
void init_timer_key(struct timer_list *timer, void (*function)(struct timer_list *),
		    unsigned int flags, const char *name, struct lock_class_key *key)
{
	set_up_timer(timer, function, flags);
}
#endif
EXPORT_SYMBOL(timer_init_key);
EXPORT_SYMBOL(init_timer_key);

/* A queue: its work that waits, in the order in which it was queued. */
struct workqueue_struct {
	struct list_head works;
};

/* The kernel's own queues are null here, and are one. */
static LIST_HEAD(kernel_works);

static struct list_head *works_of(struct workqueue_struct *queue)
{
	return queue ? &queue->works : &kernel_works;
}

static void run_work(struct work_struct *work)
{
	list_del_init(&work->entry);
	clear_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(work));
	work->func(work);
}

static void insert(struct workqueue_struct *queue, struct work_struct *work)
{
	list_add_tail(&work->entry, works_of(queue));
	lab_defer(work, run_work);
}

bool queue_work_on(int cpu, struct workqueue_struct *queue, struct work_struct *work)
{
	if (test_and_set_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(work)))
		return false;
	insert(queue, work);
	return true;
}
EXPORT_SYMBOL(queue_work_on);

bool cancel_work(struct work_struct *work)
{
	bool waited = lab_cancel(work);

	if (waited)
		list_del_init(&work->entry);
	clear_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(work));
	return waited;
}
EXPORT_SYMBOL(cancel_work);

bool cancel_work_sync(struct work_struct *work)
{
	lab_may_sleep("cancel_work_sync");
	return cancel_work(work);
}
EXPORT_SYMBOL(cancel_work_sync);

bool flush_work(struct work_struct *work)
{
	lab_may_sleep("flush_work");
	return lab_flush(work);
}
EXPORT_SYMBOL(flush_work);

/* Runs the work that waits now, but not what it queues meanwhile. */
static void flush(struct list_head *works)
{
	LIST_HEAD(now);

	list_splice_init(works, &now);
	while (!list_empty(&now))
		lab_flush(list_first_entry(&now, struct work_struct, entry));
}

void __flush_workqueue(struct workqueue_struct *queue)
{
	lab_may_sleep("flush_workqueue");
	flush(works_of(queue));
}
EXPORT_SYMBOL(__flush_workqueue);

void drain_workqueue(struct workqueue_struct *queue)
{
	lab_may_sleep("drain_workqueue");
	while (!list_empty(works_of(queue)))
		flush(works_of(queue));
}
EXPORT_SYMBOL(drain_workqueue);

void delayed_work_timer_fn(struct timer_list *timer)
{
	struct delayed_work *delayed = container_of(timer, struct delayed_work, timer);

	insert(delayed->wq, &delayed->work);
}
EXPORT_SYMBOL(delayed_work_timer_fn);

bool queue_delayed_work_on(int cpu, struct workqueue_struct *queue, struct delayed_work *delayed,
			   unsigned long ticks)
{
	if (test_and_set_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(&delayed->work)))
		return false;
	delayed->wq = queue;
	if (ticks == 0)
		insert(queue, &delayed->work);
	else
		mod_timer(&delayed->timer, jiffies + ticks);
	return true;
}
EXPORT_SYMBOL(queue_delayed_work_on);

bool flush_delayed_work(struct delayed_work *delayed)
{
	lab_may_sleep("flush_delayed_work");
	if (timer_delete(&delayed->timer))
		insert(delayed->wq, &delayed->work);
	return lab_flush(&delayed->work);
}
EXPORT_SYMBOL(flush_delayed_work);

bool cancel_delayed_work(struct delayed_work *delayed)
{
	bool waited = timer_delete(&delayed->timer);

	return cancel_work(&delayed->work) || waited;
}
EXPORT_SYMBOL(cancel_delayed_work);

bool cancel_delayed_work_sync(struct delayed_work *delayed)
{
	lab_may_sleep("cancel_delayed_work_sync");
	return cancel_delayed_work(delayed);
}
EXPORT_SYMBOL(cancel_delayed_work_sync);

bool mod_delayed_work_on(int cpu, struct workqueue_struct *queue, struct delayed_work *delayed,
			 unsigned long ticks)
{
	bool waited = cancel_delayed_work(delayed);

	queue_delayed_work_on(cpu, queue, delayed, ticks);
	return waited;
}
EXPORT_SYMBOL(mod_delayed_work_on);

/* What stands for a queue can leak. */
#ifdef alloc_workqueue
#undef alloc_workqueue
#define alloc_workqueue alloc_workqueue_noprof
#endif
EXPORT_SYMBOL(alloc_workqueue_noprof);
struct workqueue_struct *alloc_workqueue(const char *format, unsigned int flags, int most, ...)
{
	struct workqueue_struct *queue = kzalloc(sizeof(*queue), GFP_KERNEL);

	if (queue)
		INIT_LIST_HEAD(&queue->works);
	return queue;
}
EXPORT_SYMBOL(alloc_workqueue);

void destroy_workqueue(struct workqueue_struct *queue)
{
	lab_may_sleep("destroy_workqueue");
	drain_workqueue(queue);
	kfree(queue);
}
EXPORT_SYMBOL(destroy_workqueue);

static void run_tasklet(struct tasklet_struct *tasklet)
{
	clear_bit(TASKLET_STATE_SCHED, &tasklet->state);
	if (tasklet->use_callback)
		tasklet->callback(tasklet);
	else
		tasklet->func(tasklet->data);
}

void tasklet_setup(struct tasklet_struct *tasklet, void (*callback)(struct tasklet_struct *))
{
	memset(tasklet, 0, sizeof(*tasklet));
	tasklet->use_callback = true;
	tasklet->callback = callback;
}
EXPORT_SYMBOL(tasklet_setup);

void tasklet_init(struct tasklet_struct *tasklet, void (*function)(unsigned long),
		  unsigned long data)
{
	memset(tasklet, 0, sizeof(*tasklet));
	tasklet->func = function;
	tasklet->data = data;
}
EXPORT_SYMBOL(tasklet_init);

void __tasklet_schedule(struct tasklet_struct *tasklet)
{
	lab_defer(tasklet, run_tasklet);
}
EXPORT_SYMBOL(__tasklet_schedule);

void tasklet_kill(struct tasklet_struct *tasklet)
{
	lab_may_sleep("tasklet_kill");
	clear_bit(TASKLET_STATE_SCHED, &tasklet->state);
	lab_flush(tasklet);
}
EXPORT_SYMBOL(tasklet_kill);

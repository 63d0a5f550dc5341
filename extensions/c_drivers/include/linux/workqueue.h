#ifndef DMALAB_LINUX_WORKQUEUE_H
#define DMALAB_LINUX_WORKQUEUE_H

#include <linux/timer.h>
#include <linux/types.h>
#include <dmalab/calls/workqueue.h>

/* Begins with what it calls: the simulated kernel looks there. */
struct work_struct {
	void (*func)(struct work_struct *work);
	void *dmalab_reserved[2];
};

typedef void (*work_func_t)(struct work_struct *work);

struct workqueue_struct;

/* Work that is queued when its timer expires. */
struct delayed_work {
	struct work_struct work;
	struct timer_list timer;
	bool dmalab_armed;
};

#define INIT_WORK(work, function) ((void)((work)->func = (function)))
#define DECLARE_WORK(name, function) struct work_struct name = { (function), { NULL, NULL } }
#define system_wq ((struct workqueue_struct *)NULL)
/* All queues are one. */
#define queue_work(queue, work) ((void)(queue), schedule_work(work))

#define to_delayed_work(work_) container_of(work_, struct delayed_work, work)

DMALAB_INLINE void dmalab_delay_ends(struct timer_list *timer)
{
	struct delayed_work *delayed = container_of(timer, struct delayed_work, timer);

	delayed->dmalab_armed = false;
	(schedule_work)(&delayed->work);
}

/* It waits for its time, or for its turn. */
DMALAB_INLINE bool delayed_work_pending(const struct delayed_work *delayed)
{
	return delayed->dmalab_armed || (work_pending)(&delayed->work);
}

#define INIT_DELAYED_WORK(delayed, function)                              \
	do {                                                              \
		INIT_WORK(&(delayed)->work, function);                    \
		timer_setup(&(delayed)->timer, dmalab_delay_ends, 0);     \
		(delayed)->dmalab_armed = false;                          \
	} while (0)
#define schedule_delayed_work(delayed, ticks)                                             \
	__extension__({                                                                   \
		struct delayed_work *delayed_ = (delayed);                                \
		unsigned long ticks_ = (ticks);                                           \
		bool queued_ = !delayed_work_pending(delayed_);                           \
		if (queued_ && ticks_ == 0) {                                             \
			queued_ = schedule_work(&delayed_->work);                         \
		} else if (queued_) {                                                     \
			delayed_->dmalab_armed = true;                                    \
			mod_timer(&delayed_->timer, jiffies + ticks_);                    \
		}                                                                         \
		queued_;                                                                  \
	})
#define queue_delayed_work(queue, delayed, ticks) \
	((void)(queue), schedule_delayed_work(delayed, ticks))
/* The same, with this time instead of one that it waits for. */
#define mod_delayed_work(queue, delayed, ticks)                  \
	__extension__({                                          \
		struct delayed_work *mod_ = (delayed);           \
		bool waited_ = cancel_delayed_work(mod_);        \
		(void)(queue);                                   \
		schedule_delayed_work(mod_, ticks);              \
		waited_;                                         \
	})
#define DMALAB_CANCEL_DELAYED(delayed, sync)                              \
	__extension__({                                                   \
		struct delayed_work *cancel_ = (delayed);                 \
		bool armed_ = cancel_->dmalab_armed;                      \
		cancel_->dmalab_armed = false;                            \
		timer_delete##sync(&cancel_->timer);                      \
		cancel_work##sync(&cancel_->work) || armed_;              \
	})
#define cancel_delayed_work(delayed) DMALAB_CANCEL_DELAYED(delayed, )
#define cancel_delayed_work_sync(delayed) DMALAB_CANCEL_DELAYED(delayed, _sync)
#define flush_delayed_work(delayed)                                       \
	__extension__({                                                   \
		struct delayed_work *flush_ = (delayed);                  \
		if (flush_->dmalab_armed) {                               \
			flush_->dmalab_armed = false;                     \
			timer_delete_sync(&flush_->timer);                \
			schedule_work(&flush_->work);                     \
		}                                                         \
		flush_work(&flush_->work);                                \
	})

#endif

#ifndef DMALAB_LINUX_WAIT_H
#define DMALAB_LINUX_WAIT_H

#include <linux/jiffies.h>

/* Counts how often who waits was woken: a condition is looked at again only then. */
typedef struct wait_queue_head {
	unsigned int dmalab_wakes;
} wait_queue_head_t;

#define DECLARE_WAIT_QUEUE_HEAD(name) struct wait_queue_head name = { 0 }
#define init_waitqueue_head(wq) ((void)((wq)->dmalab_wakes = 0))
#define wake_up(wq) ((void)(wq)->dmalab_wakes++)
#define wake_up_all wake_up
#define wake_up_interruptible wake_up
#define wake_up_interruptible_all wake_up

#define wait_event(wq, condition)                                                          \
	do {                                                                               \
		struct wait_queue_head *wait_wq_ = &(wq);                                  \
		dmalab_may_sleep("wait_event");                                            \
		for (;;) {                                                                 \
			unsigned int wait_seen_ = wait_wq_->dmalab_wakes;                  \
			if (condition)                                                     \
				break;                                                     \
			dmalab_wait_woken(&wait_wq_->dmalab_wakes, wait_seen_, ~0ULL);     \
		}                                                                          \
	} while (0)

/* 0 where the time is over and the condition is false, else what is left of it, at least 1. */
#define wait_event_timeout(wq, condition, timeout)                                                \
	__extension__({                                                                           \
		struct wait_queue_head *wait_wq_ = &(wq);                                         \
		unsigned long wait_end_ = jiffies + (unsigned long)(timeout);                     \
		long wait_left_ = 0;                                                              \
		bool wait_woken_ = true;                                                          \
		dmalab_may_sleep("wait_event_timeout");                                           \
		for (;;) {                                                                        \
			unsigned int wait_seen_ = wait_wq_->dmalab_wakes;                         \
			wait_left_ = (long)(wait_end_ - jiffies);                                 \
			if (condition) {                                                          \
				wait_left_ = wait_left_ > 1 ? wait_left_ : 1;                     \
				break;                                                            \
			}                                                                         \
			if (!wait_woken_ || wait_left_ <= 0) {                                    \
				wait_left_ = 0;                                                   \
				break;                                                            \
			}                                                                         \
			wait_woken_ = dmalab_wait_woken(&wait_wq_->dmalab_wakes, wait_seen_,      \
							(u64)wait_left_ * NSEC_PER_MSEC);         \
		}                                                                                 \
		wait_left_;                                                                       \
	})

/* No signal ever comes. */
#define wait_event_interruptible(wq, condition)     \
	__extension__({                             \
		wait_event(wq, condition);          \
		0;                                  \
	})
#define wait_event_interruptible_timeout wait_event_timeout

#endif

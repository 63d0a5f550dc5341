#ifndef DMALAB_LINUX_COMPLETION_H
#define DMALAB_LINUX_COMPLETION_H

#include <linux/jiffies.h>

struct completion {
	unsigned int done;
};

#define DMALAB_ALL_DONE (~0U)
#define DECLARE_COMPLETION_ONSTACK(name) struct completion name = { 0 }
#define DECLARE_COMPLETION(name) struct completion name = { 0 }
#define init_completion(x) ((void)((x)->done = 0))
#define reinit_completion(x) ((void)((x)->done = 0))
#define complete_all(x) ((void)((x)->done = DMALAB_ALL_DONE))
#define completion_done(x) ((x)->done != 0)

DMALAB_INLINE void complete(struct completion *x)
{
	if (x->done != DMALAB_ALL_DONE)
		x->done++;
}

DMALAB_INLINE void dmalab_take_done(struct completion *x)
{
	if (x->done != DMALAB_ALL_DONE)
		x->done--;
}

#define wait_for_completion(x)                                        \
	do {                                                          \
		struct completion *wait_x_ = (x);                     \
		dmalab_wait(&wait_x_->done, ~0ULL);                   \
		dmalab_take_done(wait_x_);                            \
	} while (0)

#define wait_for_completion_timeout(x, timeout)                                           \
	__extension__({                                                                   \
		struct completion *wait_x_ = (x);                                         \
		unsigned long wait_end_ = jiffies + (timeout), wait_left_ = 0;            \
		if (dmalab_wait(&wait_x_->done, (u64)(timeout) * NSEC_PER_MSEC)) {        \
			dmalab_take_done(wait_x_);                                        \
			wait_left_ = wait_end_ - jiffies;                                 \
			if (wait_left_ == 0 || time_after(jiffies, wait_end_))            \
				wait_left_ = 1;                                           \
		}                                                                         \
		wait_left_;                                                               \
	})

#endif

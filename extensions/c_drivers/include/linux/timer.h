#ifndef DMALAB_LINUX_TIMER_H
#define DMALAB_LINUX_TIMER_H

#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/version.h>
#include <dmalab/calls/timer.h>

/* Begins with what it calls: the simulated kernel looks there. */
struct timer_list {
	void (*function)(struct timer_list *timer);
	unsigned long expires;
	u32 flags;
};

#define timer_setup(timer, callback, how)          \
	do {                                       \
		(timer)->function = (callback);    \
		(timer)->flags = (how);            \
	} while (0)
#define add_timer(timer) ((void)mod_timer(timer, (timer)->expires))

/* What a timer lies in, by the variable that is to point to it. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
#define timer_container_of(var, timer, member) container_of(timer, __typeof__(*(var)), member)
#else
#define from_timer(var, timer, member) container_of(timer, __typeof__(*(var)), member)
#endif

#endif

#ifndef DMALAB_LINUX_KTIME_H
#define DMALAB_LINUX_KTIME_H

#include <linux/jiffies.h>

/* Nanoseconds of the machine's clock. */
typedef s64 ktime_t;

#define ktime_get() ((ktime_t)dmalab_now())

#endif

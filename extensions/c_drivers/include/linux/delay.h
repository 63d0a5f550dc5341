#ifndef DMALAB_LINUX_DELAY_H
#define DMALAB_LINUX_DELAY_H

#include <linux/jiffies.h>

#define ndelay(ns) dmalab_spin(ns)
#define udelay(us) dmalab_spin((u64)(us) * NSEC_PER_USEC)
#define mdelay(ms) dmalab_spin((u64)(ms) * NSEC_PER_MSEC)
#define ssleep(s) dmalab_sleep("ssleep", (u64)(s) * NSEC_PER_SEC)
#define msleep(ms) dmalab_sleep("msleep", (u64)(ms) * NSEC_PER_MSEC)
#define fsleep(us) dmalab_sleep("fsleep", (u64)(us) * NSEC_PER_USEC)
#define usleep_range(least, most) dmalab_sleep("usleep_range", (u64)(least) * NSEC_PER_USEC)
#define cond_resched() ((void)0)

#endif

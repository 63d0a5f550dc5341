#ifndef DMALAB_LINUX_JIFFIES_H
#define DMALAB_LINUX_JIFFIES_H

#include <linux/types.h>
#include <dmalab/calls/sleep.h>

#define HZ 1000
#define NSEC_PER_SEC 1000000000UL
#define NSEC_PER_MSEC 1000000UL
#define NSEC_PER_USEC 1000UL
#define jiffies ((unsigned long)(dmalab_now() / NSEC_PER_MSEC))
#define MAX_JIFFY_OFFSET ((unsigned long)1 << 40)

DMALAB_INLINE unsigned long msecs_to_jiffies(unsigned int ms)
{
	return ms;
}

DMALAB_INLINE unsigned int jiffies_to_msecs(unsigned long count)
{
	return (unsigned int)count;
}

#define time_after(a, b) ((long)((b) - (a)) < 0)
#define time_before(a, b) time_after(b, a)
#define time_after_eq(a, b) ((long)((a) - (b)) >= 0)
#define time_before_eq(a, b) time_after_eq(b, a)

#endif

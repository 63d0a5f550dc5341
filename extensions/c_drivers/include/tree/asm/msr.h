/* x86's counter of cycles, as the machine's clock in nanoseconds. It has no registers of a model. */
#ifndef DMALAB_TREE_MSR_H
#define DMALAB_TREE_MSR_H

#include <linux/timekeeping.h>

static inline unsigned long long rdtsc(void)
{
	return ktime_get_ns();
}
#define rdtsc_ordered() rdtsc()
#define rdtscll(to) ((to) = rdtsc())
#define rdtscl(to) ((to) = (unsigned long)rdtsc())

#endif

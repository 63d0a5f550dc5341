#ifndef DMALAB_LINUX_IOPOLL_H
#define DMALAB_LINUX_IOPOLL_H

#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/io.h>

#define readx_poll_timeout(read, addr, val, cond, sleep_us, timeout_us)                   \
	__extension__({                                                                   \
		u64 poll_end_ = dmalab_now() + (u64)(timeout_us) * NSEC_PER_USEC;         \
		for (;;) {                                                                \
			(val) = read(addr);                                               \
			if (cond)                                                         \
				break;                                                    \
			if ((timeout_us) && dmalab_now() >= poll_end_) {                  \
				(val) = read(addr);                                       \
				break;                                                    \
			}                                                                 \
			if (sleep_us)                                                     \
				dmalab_sleep(#read "_poll_timeout",                       \
					     (u64)(sleep_us) * NSEC_PER_USEC);            \
			else                                                              \
				cpu_relax();                                              \
		}                                                                         \
		(cond) ? 0 : -ETIMEDOUT;                                                  \
	})
#define readl_poll_timeout(addr, val, cond, sleep_us, timeout_us) \
	readx_poll_timeout(readl, addr, val, cond, sleep_us, timeout_us)
#define readl_poll_timeout_atomic(addr, val, cond, delay_us, timeout_us) \
	readx_poll_timeout(readl, addr, val, cond, 0, timeout_us)

#endif

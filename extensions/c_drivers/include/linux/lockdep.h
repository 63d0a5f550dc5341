#ifndef DMALAB_LINUX_LOCKDEP_H
#define DMALAB_LINUX_LOCKDEP_H

#include <linux/bug.h>

/* Of a spin lock or of a mutex. */
#define lockdep_assert_held(lock) ((void)WARN_ON(!(lock)->dmalab_held))

#endif

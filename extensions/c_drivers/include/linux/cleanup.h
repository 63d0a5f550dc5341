#ifndef DMALAB_LINUX_CLEANUP_H
#define DMALAB_LINUX_CLEANUP_H

#define DMALAB_JOIN_(a, b) a##b
#define DMALAB_JOIN(a, b) DMALAB_JOIN_(a, b)

/* `guard(mutex)(&lock);` holds the lock until the block ends that it stands in. */
#define guard(kind) DMALAB_GUARD_##kind

#endif

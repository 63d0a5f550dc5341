#ifndef DMALAB_LINUX_VERSION_H
#define DMALAB_LINUX_VERSION_H

#include <dmalab/version.h>

#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))

#endif

#ifndef DMALAB_LINUX_ERRNO_H
#define DMALAB_LINUX_ERRNO_H

#include <dmalab/errno.h>

#endif

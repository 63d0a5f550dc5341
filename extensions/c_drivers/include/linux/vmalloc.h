#ifndef DMALAB_LINUX_VMALLOC_H
#define DMALAB_LINUX_VMALLOC_H

#include <linux/slab.h>

#endif

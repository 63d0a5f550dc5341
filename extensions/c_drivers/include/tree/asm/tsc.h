/* x86's counter of cycles counts nanoseconds here. */
#ifndef DMALAB_TREE_TSC_H
#define DMALAB_TREE_TSC_H

#include <asm/msr.h>
#define cpu_khz 1000000U
#define tsc_khz 1000000U

#endif

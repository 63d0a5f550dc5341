/* 2.6.26 moved it. */
#include <linux/semaphore.h>

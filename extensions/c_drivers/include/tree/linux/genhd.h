/* 5.18 moved it. */
#include <linux/blkdev.h>

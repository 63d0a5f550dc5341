#ifndef DMALAB_LINUX_BLKDEV_H
#define DMALAB_LINUX_BLKDEV_H

#include <linux/blk-mq.h>

#define SECTOR_SHIFT 9
#define SECTOR_SIZE (1 << SECTOR_SHIFT)

#endif

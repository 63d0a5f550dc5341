#ifndef DMALAB_LINUX_BLK_TYPES_H
#define DMALAB_LINUX_BLK_TYPES_H

#include <linux/bvec.h>

typedef u8 blk_status_t;

#include <dmalab/block_words.h>

#define REQ_OP_MASK 0xffu

DMALAB_INLINE bool op_is_write(unsigned int op)
{
	return (op & 1) != 0;
}

#endif

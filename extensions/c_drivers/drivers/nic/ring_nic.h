/* What driver and device agree on. */
#ifndef RING_NIC_H
#define RING_NIC_H

#include <linux/types.h>

/* Registers. */
#define NIC_CTRL 0x00
#define NIC_TX_BASE 0x08
#define NIC_TX_TAIL 0x14
#define NIC_RX_BASE 0x18
#define NIC_RX_TAIL 0x24

#define NIC_CTRL_ENABLE 1

/* A descriptor: a piece of a frame, or room for one. */
struct nic_desc {
	__le64 addr;
	__le16 len;
	__le16 flags;
	__le32 reserved;
};

#define NIC_DESC_END 0x0001
#define NIC_DESC_DONE 0x8000

#define NIC_TX_SLOTS 16
#define NIC_RX_SLOTS 4

/* Room for a frame in a page, behind what the stack puts before it. */
#define NIC_RX_OFFSET 64
#define NIC_RX_ROOM 1536
/* Shorter frames are copied, and their page stays in the ring. */
#define NIC_COPYBREAK 256

#define NIC_FRAGS 3

/* A frame that is to be sent: a linear head and pieces of pages. */
struct nic_frag {
	struct page *page;
	u32 offset;
	u32 len;
};

#endif

/* What driver and device agree on. */
#ifndef BLOCK_HBA_H
#define BLOCK_HBA_H

#include <linux/types.h>

/* Registers. */
#define HBA_CTRL 0x00
#define HBA_CMD_BASE 0x08
#define HBA_CMD_TAIL 0x14
#define HBA_DONE_BASE 0x18

#define HBA_CTRL_ENABLE 1

#define HBA_SLOTS 16
#define HBA_SEGS 32

#define HBA_READ 0
#define HBA_WRITE 1
#define HBA_FLUSH 2

/* A command; its table has a segment for each piece of memory. */
struct hba_cmd {
	u8 op;
	u8 tag;
	__le16 segs;
	__le32 bytes;
	__le64 sector;
	__le64 table;
	__le64 reserved;
};

struct hba_seg {
	__le64 addr;
	__le32 len;
	__le32 reserved;
};

/* The end of a command. Its phase is 1 while the device goes through the ring for the first time,
 * then 0, and so on. */
struct hba_done {
	u8 tag;
	u8 status;
	u8 phase;
	u8 reserved;
};

#endif

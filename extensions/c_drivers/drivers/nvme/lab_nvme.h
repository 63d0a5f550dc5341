/* What the controller and the driver agree on: NVM Express Base Specification 1.4. */
#ifndef LAB_NVME_H
#define LAB_NVME_H

#include <linux/types.h>

/* Registers (section 3.1). */
#define NVME_REG_CAP 0x00
#define NVME_REG_VS 0x08
#define NVME_REG_CC 0x14
#define NVME_REG_CSTS 0x1c
#define NVME_REG_AQA 0x24
#define NVME_REG_ASQ 0x28
#define NVME_REG_ACQ 0x30
#define NVME_REG_DOORBELLS 0x1000

#define NVME_CAP_MQES(cap) ((u32)((cap) & 0xffff))
#define NVME_CAP_TO(cap) ((u32)(((cap) >> 24) & 0xff)) /* in 500 ms */
#define NVME_CAP_DSTRD(cap) ((u32)(((cap) >> 32) & 0xf))
#define NVME_CAP_MPSMIN(cap) ((u32)(((cap) >> 48) & 0xf))

#define NVME_CC_ENABLE 0x1
/* Entries of 64 and of 16 bytes, pages of 4 KiB, the NVM command set. */
#define NVME_CC_SETTINGS (6 << 16 | 4 << 20)
#define NVME_CSTS_READY 0x1
#define NVME_CSTS_FATAL 0x2

/* Admin commands (section 5) and those of the NVM command set (section 6). */
enum {
	NVME_ADMIN_DELETE_SQ = 0x00,
	NVME_ADMIN_CREATE_SQ = 0x01,
	NVME_ADMIN_DELETE_CQ = 0x04,
	NVME_ADMIN_CREATE_CQ = 0x05,
	NVME_ADMIN_IDENTIFY = 0x06,
	NVME_ADMIN_SET_FEATURES = 0x09,
	NVME_WRITE = 0x01,
	NVME_READ = 0x02,
};

#define NVME_CNS_NAMESPACE 0
#define NVME_CNS_CONTROLLER 1
#define NVME_FEATURE_QUEUES 7
#define NVME_QUEUE_CONTIGUOUS 1
#define NVME_QUEUE_INTERRUPTS 2

/* Where Identify has what (figures 247 and 245). */
#define NVME_ID_MDTS 77
#define NVME_ID_SGLS 536
#define NVME_ID_NSZE 0
#define NVME_ID_FLBAS 26
#define NVME_ID_FORMATS 128

#define NVME_PAGE 4096
#define NVME_PRPS (NVME_PAGE / 8)
#define NVME_SGLS (NVME_PAGE / 16)

/* The data are described by an SGL; MPTR, if any, is an address. */
#define NVME_CMD_SGL 0x40
#define NVME_SGL_DATA 0x00
#define NVME_SGL_LAST_SEGMENT 0x30

struct nvme_sgl {
	__le64 addr;
	__le32 length;
	u8 reserved[3];
	u8 type;
};

struct nvme_command {
	u8 opcode;
	u8 flags;
	__le16 id;
	__le32 nsid;
	__le32 cdw2[2];
	__le64 metadata;
	union {
		struct {
			__le64 prp1;
			__le64 prp2;
		};
		struct nvme_sgl sgl;
	};
	__le32 cdw10;
	__le32 cdw11;
	__le32 cdw12;
	__le32 cdw13[3];
};

struct nvme_completion {
	__le32 result;
	__le32 reserved;
	__le16 sq_head;
	__le16 sq_id;
	__le16 id;
	__le16 status; /* bit 0 is the phase */
};

#endif

/**
 * The driver's constants of the NVMe protocol: registers, opcodes, and offsets of fields.
 *
 * The controller's side has a separate list, made from the specification, so that a wrong number on
 * one side causes a disagreement with the other.
 *
 * @see rules/nvme.md 1, 5.1, 5.2
 */

/** Controller registers, by byte offset. 64-bit registers are read and written low half first. */
export const REGISTER = {
  CAP: 0x00, // controller capabilities
  VS: 0x08, // version
  CC: 0x14, // controller configuration
  CSTS: 0x1c, // controller status
  AQA: 0x24, // admin queue attributes
  ASQ: 0x28, // admin submission queue base address
  ACQ: 0x30, // admin completion queue base address
  CMBLOC: 0x38, // controller memory buffer location
  CMBSZ: 0x3c, // controller memory buffer size
  CMBMSC: 0x50, // controller memory buffer memory space control
  DOORBELLS: 0x1000,
} as const;

/** Bits and fields of the registers about the controller's own memory. */
export const CMB = {
  /** Bit in the upper half of CAP. */
  CAP_SUPPORTED: 1 << 25,
  SUBMISSION_QUEUES: 1,
  UNIT_SHIFT: 8,
  UNIT_MASK: 0xf,
  SIZE_SHIFT: 12,
  OFFSET_SHIFT: 12,
  CAPABILITIES_ENABLED: 1,
  MEMORY_ENABLED: 2,
} as const;

export const CC_ENABLE = 1;
/** Entry sizes 2^6 and 2^4, 4 KiB pages, round robin, NVM command set. */
export const CC_SETTINGS = 0x0046_0000;
export const CSTS_READY = 1;
/** The controller has failed, and only a reset helps. */
export const CSTS_FATAL = 2;
/** The value of a register after the device was removed. */
export const ALL_ONES = 0xffff_ffff;

export const SQE_BYTES = 64;
export const CQE_BYTES = 16;
export const SGL_DESCRIPTOR_BYTES = 16;
export const PRP_BYTES = 8;
/** The controller's page size, independent of the host's. */
export const CTRL_PAGE_BYTES = 4096;

export const ADMIN_OPCODE = {
  DELETE_SQ: 0x00,
  CREATE_SQ: 0x01,
  DELETE_CQ: 0x04,
  CREATE_CQ: 0x05,
  IDENTIFY: 0x06,
  ABORT: 0x08,
  SET_FEATURES: 0x09,
  DOORBELL_BUFFER_CONFIG: 0x7c,
} as const;

/** Statuses that the driver sets itself: Host Pathing Error, Command Aborted By Host. */
export const HOST_STATUS = { PATH_ERROR: 0x370, ABORTED: 0x371 } as const;

export const NVM_OPCODE = {
  FLUSH: 0x00,
  WRITE: 0x01,
  READ: 0x02,
  WRITE_ZEROES: 0x08,
  DATASET_MANAGEMENT: 0x09,
} as const;

/** CNS values of Identify commands: controller or namespace structures. */
export const CNS = {
  NAMESPACE: 0x00,
  CONTROLLER: 0x01,
  ACTIVE_NAMESPACES: 0x02,
  NAMESPACE_DESCRIPTORS: 0x03,
  NAMESPACE_OF_COMMAND_SET: 0x05,
  CONTROLLER_OF_COMMAND_SET: 0x06,
  NAMESPACE_INDEPENDENT: 0x08,
} as const;

export const FEATURE_NUMBER_OF_QUEUES = 0x07;
export const FEATURE_HOST_MEMORY = 0x0d;

/** Field offsets in a submission queue entry. */
export const SQE = {
  OPCODE: 0,
  FLAGS: 1,
  COMMAND_ID: 2,
  NSID: 4,
  MPTR: 16,
  PRP1: 24,
  PRP2: 32,
  SGL_ADDRESS: 24,
  SGL_LENGTH: 32,
  SGL_TYPE: 39,
  CDW10: 40,
  CDW11: 44,
  CDW12: 48,
  CDW13: 52,
  CDW15: 60,
} as const;

/** The flags byte of a command, which gives the format of its data pointer. */
export const PSDT = { PRP: 0x00, SGL: 0x40, SGL_AND_METADATA_SGL: 0x80 } as const;

/** Type byte of an SGL descriptor. */
export const SGL_TYPE = { DATA_BLOCK: 0x00, LAST_SEGMENT: 0x30 } as const;

/** Bits of the control field, the upper half of a read's or write's cdw12. */
export const CONTROL = { LIMITED_RETRY: 0x8000, FORCE_UNIT_ACCESS: 0x4000 } as const;
/** Dataset management hint: the data will be read soon, once. */
export const DSM_PREFETCH = 7;
/** Dataset management: deallocate the ranges. */
export const DSM_DEALLOCATE = 4;

/** Field offsets in a completion queue entry. */
export const CQE = { RESULT: 0, COMMAND_ID: 12 } as const;

export const CREATE_CONTIGUOUS = 1;
export const CREATE_INTERRUPTS = 2;

/** Number of entries of each admin queue. */
export const ADMIN_DEPTH = 32;
/**
 * Number of tags of the admin queue; one more command id, 31, belongs to the asynchronous event
 * request.
 */
export const ADMIN_TAGS = 30;

/**
 * The largest number of data segments of one request: the number of SGL descriptors that fit into
 * one list page.
 */
export const MAX_SEGMENTS = CTRL_PAGE_BYTES / SGL_DESCRIPTOR_BYTES;
/** Largest number of bytes in one request, for any controller. */
export const MAX_TRANSFER_BYTES = 8 * 1024 * 1024;
export const SMALL_DESCRIPTOR_BYTES = 256;
export const MAX_SMALL_PRPS = SMALL_DESCRIPTOR_BYTES / PRP_BYTES;
export const MAX_SMALL_SGLS = SMALL_DESCRIPTOR_BYTES / SGL_DESCRIPTOR_BYTES;
export const SGLS_PER_PAGE = CTRL_PAGE_BYTES / SGL_DESCRIPTOR_BYTES;
export const PRPS_PER_PAGE = CTRL_PAGE_BYTES / PRP_BYTES;

/**
 * Numbers of the NVM Express Base Specification (1.4) for the controller's side.
 *
 * The driver's side has separate constants. A wrong number here must cause a disagreement between
 * the two sides; if they shared a table, the mistake would be hidden.
 */

/** The memory page size of the controller (CC.MPS = 0). PRPs are cut at its multiples. */
export const PAGE_BYTES = 4096;
export const SUBMISSION_ENTRY_BYTES = 64;
export const COMPLETION_ENTRY_BYTES = 16;
export const PRP_ENTRY_BYTES = 8;
export const SGL_DESCRIPTOR_BYTES = 16;

/** Controller registers, as byte offsets (section 3.1). */
export const REGISTER = {
  CAP_LOW: 0x00, // Controller Capabilities
  CAP_HIGH: 0x04,
  VS: 0x08, // Version
  CC: 0x14, // Controller Configuration
  CSTS: 0x1c, // Controller Status
  AQA: 0x24, // Admin Queue Attributes
  ASQ_LOW: 0x28, // Admin Submission Queue Base Address
  ASQ_HIGH: 0x2c,
  ACQ_LOW: 0x30, // Admin Completion Queue Base Address
  ACQ_HIGH: 0x34,
  CMBLOC: 0x38, // Controller Memory Buffer Location
  CMBSZ: 0x3c, // Controller Memory Buffer Size
  CMBMSC_LOW: 0x50, // Controller Memory Buffer Memory Space Control
  CMBMSC_HIGH: 0x54,
  DOORBELLS: 0x1000,
} as const;

/** Fields of CC and CSTS (3.1.5, 3.1.6). */
export const CC_ENABLE = 0x1;
export const CC_SHUTDOWN_MASK = 0xc000;
export const CSTS_READY = 0x1;
export const CSTS_FATAL = 0x2;
export const CSTS_SHUTDOWN_COMPLETE = 0x8;

/** Admin commands (section 5). */
export const ADMIN_OPCODE = {
  DELETE_SUBMISSION_QUEUE: 0x00,
  CREATE_SUBMISSION_QUEUE: 0x01,
  GET_LOG_PAGE: 0x02,
  DELETE_COMPLETION_QUEUE: 0x04,
  CREATE_COMPLETION_QUEUE: 0x05,
  IDENTIFY: 0x06,
  ABORT: 0x08,
  SET_FEATURES: 0x09,
  GET_FEATURES: 0x0a,
  ASYNC_EVENT_REQUEST: 0x0c,
  DOORBELL_BUFFER_CONFIG: 0x7c,
} as const;

/** NVM commands (section 6). */
export const NVM_OPCODE = {
  FLUSH: 0x00,
  WRITE: 0x01,
  READ: 0x02,
  COMPARE: 0x05,
  WRITE_ZEROES: 0x08,
  DATASET_MANAGEMENT: 0x09,
} as const;

/** Do Not Retry, as a bit of the status field: the same command would fail again. */
const DO_NOT_RETRY = 0x4000;

/**
 * Status fields without the phase bit: status code, with the status code type from bit 8 on
 * (section 4.6). The status of a malformed command includes `DO_NOT_RETRY`. A status that may
 * change with a retry does not include it.
 */
export const STATUS = {
  SUCCESS: 0x0000,
  INVALID_OPCODE: DO_NOT_RETRY | 0x0001,
  INVALID_FIELD: DO_NOT_RETRY | 0x0002,
  DATA_TRANSFER_ERROR: 0x0004,
  INTERNAL_ERROR: DO_NOT_RETRY | 0x0006,
  ABORT_REQUESTED: 0x0007,
  INVALID_NAMESPACE: DO_NOT_RETRY | 0x000b,
  COMMAND_SEQUENCE_ERROR: DO_NOT_RETRY | 0x000c,
  INVALID_SGL_SEGMENT: DO_NOT_RETRY | 0x000d,
  INVALID_SGL_COUNT: DO_NOT_RETRY | 0x000e,
  DATA_SGL_LENGTH: DO_NOT_RETRY | 0x000f,
  METADATA_SGL_LENGTH: DO_NOT_RETRY | 0x0010,
  SGL_TYPE: DO_NOT_RETRY | 0x0011,
  PRP_OFFSET: DO_NOT_RETRY | 0x0013,
  LBA_OUT_OF_RANGE: DO_NOT_RETRY | 0x0080,
  COMPLETION_QUEUE_INVALID: DO_NOT_RETRY | 0x0100,
  INVALID_QUEUE_ID: DO_NOT_RETRY | 0x0101,
  INVALID_QUEUE_SIZE: DO_NOT_RETRY | 0x0102,
  ASYNC_EVENT_LIMIT: DO_NOT_RETRY | 0x0105,
  INVALID_INTERRUPT_VECTOR: DO_NOT_RETRY | 0x0108,
  INVALID_LOG_PAGE: DO_NOT_RETRY | 0x0109,
  INVALID_QUEUE_DELETION: DO_NOT_RETRY | 0x010c,
  FEATURE_NOT_SAVEABLE: DO_NOT_RETRY | 0x010d,
  RESERVATION_CONFLICT: DO_NOT_RETRY | 0x0083,
  TOO_MANY_ACTIVE_ZONES: DO_NOT_RETRY | 0x01bd,
  TOO_MANY_OPEN_ZONES: DO_NOT_RETRY | 0x01be,
  UNRECOVERED_READ_ERROR: DO_NOT_RETRY | 0x0281,
  COMPARE_FAILURE: DO_NOT_RETRY | 0x0285,
} as const;

/**
 * An SGL descriptor's last byte (section 4.4): the type in the upper half, the subtype in the lower
 * half. Subtype 0 is an absolute address.
 */
export const SGL_TYPE = {
  DATA_BLOCK: 0x00,
  SEGMENT: 0x20,
  LAST_SEGMENT: 0x30,
} as const;

/** The format of a command's data pointer: the two top bits of its flags byte (section 4.2). */
export const PSDT = {
  PRP: 0,
  SGL_FLAT_METADATA: 1,
  SGL_SEGMENT_METADATA: 2,
} as const;

/** The smallest upper half of a 64-bit address that a number cannot hold exactly (2^53 or more). */
export const WIDE_HALF = 2 ** 21;

/**
 * The statuses that tests expect of controllers, from NVM Express 1.4 (section 4.6.1): status type
 * and code, with Do Not Retry. The numbers are written separately here, not imported from the
 * tested code, so that a wrong number in the tested code is found.
 */
export const STATUS = {
  SUCCESS: 0x0000,
  TRANSFER_ERROR: 0x0004,
  INVALID_OPCODE: 0x4001,
  INVALID_FIELD: 0x4002,
  INTERNAL_ERROR: 0x4006,
  INVALID_NAMESPACE: 0x400b,
  SEQUENCE_ERROR: 0x400c,
  TOO_MANY: 0x400e,
  DATA_LENGTH: 0x400f,
  PRP_OFFSET: 0x4013,
  OUT_OF_RANGE: 0x4080,
  NO_COMPLETION_QUEUE: 0x4100,
  QUEUE_ID: 0x4101,
  QUEUE_SIZE: 0x4102,
  INTERRUPT_VECTOR: 0x4108,
  LOG_PAGE: 0x4109,
  NOT_SAVEABLE: 0x410d,
} as const;

/**
 * Names of the controller's answers: status code types and status codes. The names are from the NVM
 * Express Base Specification (1.4, section 4.6.1), and for zones from the Zoned Namespace Command
 * Set.
 *
 * Driver and controller each have their own numbers; this table is only for texts that show an
 * answer.
 */

/**
 * Status code types (section 4.6.1.1): names in the specification, and the section that lists the
 * codes.
 */
export const STATUS_TYPES = {
  generic: { number: 0, says: "Generic Command Status", section: "4.6.1.2.1" },
  command_specific: { number: 1, says: "Command Specific Status", section: "4.6.1.2.2" },
  media: { number: 2, says: "Media and Data Integrity Errors", section: "4.6.1.2.3" },
  path: { number: 3, says: "Path Related Status", section: "4.6.1.2.4" },
  vendor: { number: 7, says: "Vendor Specific", section: "4.6.1.1" },
} as const;

type StatusType = keyof typeof STATUS_TYPES;

/** Codes: the number, with the type's number from bit 8 on, and the name in the specification. */
export const STATUS_CODES = {
  successful_completion: [0x000, "Successful Completion"],
  invalid_command_opcode: [0x001, "Invalid Command Opcode"],
  invalid_field_in_command: [0x002, "Invalid Field in Command"],
  command_id_conflict: [0x003, "Command ID Conflict"],
  data_transfer_error: [0x004, "Data Transfer Error"],
  internal_error: [0x006, "Internal Error"],
  command_abort_requested: [0x007, "Command Abort Requested"],
  sq_deletion: [0x008, "Command Aborted due to SQ Deletion"],
  invalid_namespace_or_format: [0x00b, "Invalid Namespace or Format"],
  command_sequence_error: [0x00c, "Command Sequence Error"],
  invalid_sgl_segment_descriptor: [0x00d, "Invalid SGL Segment Descriptor"],
  invalid_number_of_sgl_descriptors: [0x00e, "Invalid Number of SGL Descriptors"],
  data_sgl_length_invalid: [0x00f, "Data SGL Length Invalid"],
  metadata_sgl_length_invalid: [0x010, "Metadata SGL Length Invalid"],
  sgl_descriptor_type_invalid: [0x011, "SGL Descriptor Type Invalid"],
  prp_offset_invalid: [0x013, "PRP Offset Invalid"],
  lba_out_of_range: [0x080, "LBA Out of Range"],
  capacity_exceeded: [0x081, "Capacity Exceeded"],
  namespace_not_ready: [0x082, "Namespace Not Ready"],
  reservation_conflict: [0x083, "Reservation Conflict"],
  completion_queue_invalid: [0x100, "Completion Queue Invalid"],
  invalid_queue_identifier: [0x101, "Invalid Queue Identifier"],
  invalid_queue_size: [0x102, "Invalid Queue Size"],
  abort_command_limit_exceeded: [0x103, "Abort Command Limit Exceeded"],
  async_event_limit_exceeded: [0x105, "Asynchronous Event Request Limit Exceeded"],
  invalid_interrupt_vector: [0x108, "Invalid Interrupt Vector"],
  invalid_log_page: [0x109, "Invalid Log Page"],
  invalid_queue_deletion: [0x10c, "Invalid Queue Deletion"],
  feature_not_saveable: [0x10d, "Feature Identifier Not Saveable"],
  conflicting_attributes: [0x180, "Conflicting Attributes"],
  invalid_protection_information: [0x181, "Invalid Protection Information"],
  write_to_read_only_range: [0x182, "Attempted Write to Read Only Range"],
  too_many_active_zones: [0x1bd, "Too Many Active Zones"],
  too_many_open_zones: [0x1be, "Too Many Open Zones"],
  write_fault: [0x280, "Write Fault"],
  unrecovered_read_error: [0x281, "Unrecovered Read Error"],
  guard_check_error: [0x282, "End-to-end Guard Check Error"],
  application_tag_check_error: [0x283, "End-to-end Application Tag Check Error"],
  reference_tag_check_error: [0x284, "End-to-end Reference Tag Check Error"],
  compare_failure: [0x285, "Compare Failure"],
  access_denied: [0x286, "Access Denied"],
  unwritten_block: [0x287, "Deallocated or Unwritten Logical Block"],
  host_pathing_error: [0x370, "Host Pathing Error"],
  command_aborted_by_host: [0x371, "Command Aborted By Host"],
} as const satisfies Record<string, readonly [number, string]>;

export type StatusCode = keyof typeof STATUS_CODES;

/** The bits of a status that contain its type and its code. */
export const STATUS_CODE_MASK = 0x7ff;

const TYPE_NAMES = new Map<number, StatusType>(
  Object.entries(STATUS_TYPES).map(([name, { number }]) => [number, name as StatusType]),
);
const CODE_NAMES = new Map<number, StatusCode>(
  Object.entries(STATUS_CODES).map(([name, [code]]) => [code, name as StatusCode]),
);

/** A parsed status of the controller. */
interface NvmeStatus {
  /** Null for a reserved type. */
  readonly type: StatusType | null;
  /** Null for a code without a name here. */
  readonly code: StatusCode | null;
  /** Whether the same command would fail again. */
  readonly doNotRetry: boolean;
}

/** Parses a status field. @param status Its 15 bits, with the phase bit shifted out. */
export function readStatus(status: number): NvmeStatus {
  return {
    type: TYPE_NAMES.get((status >> 8) & 7) ?? null,
    code: CODE_NAMES.get(status & STATUS_CODE_MASK) ?? null,
    doNotRetry: (status & 0x4000) !== 0,
  };
}

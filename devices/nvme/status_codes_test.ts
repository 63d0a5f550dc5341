import { assert, assertEquals } from "@std/assert";
import { MALFORMED_COMMANDS } from "./malformed_commands.ts";
import { STATUS } from "./controller/specification.ts";
import { blockStatusOf } from "./driver/request.ts";
import { readStatus, STATUS_CODES, type StatusCode } from "./status_codes.ts";

Deno.test("whatever the controller can answer has a name, and no two names mean the same", () => {
  for (const [name, status] of Object.entries(STATUS)) {
    const { code, type } = readStatus(status);
    assert(code !== null && type !== null, name);
  }
  const numbers = Object.values(STATUS_CODES).map(([code]) => code);
  assertEquals(new Set(numbers).size, numbers.length);
});

Deno.test("types of statuses have the specification's numbers (section 4.6.1.1)", () => {
  const types = [0, 1, 2, 3, 4, 5, 6, 7].map((number) => readStatus(number * 256).type);
  const kept = [null, null, null];
  assertEquals(types, ["generic", "command_specific", "media", "path", ...kept, "vendor"]);
});

Deno.test("a status forbids a retry by its bit 14 alone, as the queue entry has it", () => {
  assertEquals([0x0002, 0x3fff, 0x4002].map((status) => readStatus(status).doNotRetry), [
    false,
    false,
    true,
  ]);
});

/** The names of the statuses with which the controller answers. */
const ANSWERS: Readonly<Record<keyof typeof STATUS, StatusCode>> = {
  SUCCESS: "successful_completion",
  INVALID_OPCODE: "invalid_command_opcode",
  INVALID_FIELD: "invalid_field_in_command",
  DATA_TRANSFER_ERROR: "data_transfer_error",
  INTERNAL_ERROR: "internal_error",
  ABORT_REQUESTED: "command_abort_requested",
  INVALID_NAMESPACE: "invalid_namespace_or_format",
  COMMAND_SEQUENCE_ERROR: "command_sequence_error",
  INVALID_SGL_SEGMENT: "invalid_sgl_segment_descriptor",
  INVALID_SGL_COUNT: "invalid_number_of_sgl_descriptors",
  DATA_SGL_LENGTH: "data_sgl_length_invalid",
  METADATA_SGL_LENGTH: "metadata_sgl_length_invalid",
  SGL_TYPE: "sgl_descriptor_type_invalid",
  PRP_OFFSET: "prp_offset_invalid",
  LBA_OUT_OF_RANGE: "lba_out_of_range",
  COMPLETION_QUEUE_INVALID: "completion_queue_invalid",
  INVALID_QUEUE_ID: "invalid_queue_identifier",
  INVALID_QUEUE_SIZE: "invalid_queue_size",
  ASYNC_EVENT_LIMIT: "async_event_limit_exceeded",
  INVALID_INTERRUPT_VECTOR: "invalid_interrupt_vector",
  INVALID_LOG_PAGE: "invalid_log_page",
  INVALID_QUEUE_DELETION: "invalid_queue_deletion",
  FEATURE_NOT_SAVEABLE: "feature_not_saveable",
  RESERVATION_CONFLICT: "reservation_conflict",
  TOO_MANY_ACTIVE_ZONES: "too_many_active_zones",
  TOO_MANY_OPEN_ZONES: "too_many_open_zones",
  UNRECOVERED_READ_ERROR: "unrecovered_read_error",
  COMPARE_FAILURE: "compare_failure",
};
/** Statuses after which a retry of the command may succeed. */
const MAY_GO_BETTER: ReadonlySet<string> = new Set([
  "SUCCESS",
  "DATA_TRANSFER_ERROR",
  "ABORT_REQUESTED",
]);

Deno.test("each answer is the specification's number for it, and says whether to try again (section 4.6.1)", () => {
  for (const [answer, code] of Object.entries(ANSWERS)) {
    const status = STATUS[answer as keyof typeof STATUS];
    const doNotRetry = MAY_GO_BETTER.has(answer) ? 0 : 0x4000;
    assertEquals(status, STATUS_CODES[code][0] | doNotRetry, answer);
  }
});

Deno.test("every malformed command has a named status, and fails for the block layer too (nvme.md 4.2)", () => {
  for (const { status, text } of MALFORMED_COMMANDS) {
    assert(readStatus(status).code !== null, text);
    assert(blockStatusOf(status) !== 0, text);
  }
});

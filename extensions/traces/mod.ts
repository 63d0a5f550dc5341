/** The part of `extensions/traces` that other members use. */
export { checkJson, checkLines } from "./ledger/check_report.ts";
export { loadLogReader } from "./kernel_log/late_log_reader.ts";
export { type LoggedCommand, pairCommands, readControllerLog } from "./clocks/controller_log.ts";
export { LogPass, TraceCheck } from "./ledger/trace_check.ts";
export { judgementOf } from "./ledger/judgement.ts";
export { isSure, type TracedMapping } from "./ledger/traced_mapping.ts";
export { leftOutRows, messageAreaRows, messageRows } from "./kernel_log/messages/message_page.ts";
export { deviceAddress, deviceAddressOfPage } from "./line/device_address.ts";
export { ImportPass } from "./line/import_pass.ts";
export { LineBuffer } from "./line/line_batch.ts";
export { PayloadFields, type PayloadKey, payloadKey } from "./line/payload.ts";
export { TraceLine } from "./line/trace_line.ts";
export { OwnedRanges } from "./owner/owned_ranges.ts";
export { TraceContext, TraceContexts } from "./owner/trace_contexts.ts";

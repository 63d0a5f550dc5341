/** What other members use of `runtime/fault_log`. */
export { AMD_EVENT_NAMES } from "./amd_events.ts";
export { decodeFaultLog } from "./decode_fault_log.ts";
export { FaultLogReader, findFaultLogs, type FoundFaultLog } from "./find_fault_logs.ts";
export {
  type FaultDetails,
  type FaultLogFormat,
  type FaultLogProblem,
  isAboutMappings,
  type LoggedFault,
  type LoggedSource,
  type TableDump,
} from "./logged_fault.ts";
export { formatSource } from "./pci_source.ts";
export { printFaultLog } from "./print_fault_log.ts";
export { formatWord64, numberOf, plainHex, type Word64 } from "./word64.ts";

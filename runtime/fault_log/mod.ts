/**
 * Writes and reads the lines that kernels log for an IOMMU fault: VT-d, AMD, Arm SMMU.
 *
 * State: none. Tests: `print_fault_log_test.ts`, and `decode_fault_log_test.ts` with real logs.
 *
 * Other workspace members use these exports:
 */
export { decodeFaultLog } from "./decode_fault_log.ts";
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
export { smmuEvent, smmuReason } from "./smmu_events.ts";
export { formatWord64, numberOf, plainHex, type Word64 } from "./word64.ts";
export * from "./find_fault_logs.ts";
export * from "./logged_fault.ts";
export * from "./pci_source.ts";
export * from "./print_fault_log.ts";
export * from "./word64.ts";

/** Other workspace members use these exports of `extensions/hunt/requests`. */
export { caseConfig, PEER_BYTES } from "./case_machine.ts";
export { CaseRun, layoutFactsOf } from "./case_run.ts";
export { causingDefectsOf } from "./diagnose.ts";
export {
  type HuntCase,
  type HuntFault,
  type HuntIo,
  type HuntMachine,
  type HuntRelease,
  type HuntStep,
  isUserCommand,
  type MetadataShape,
  type PieceRun,
} from "./hunt_case.ts";
export { MAX_BYTES, MemoryLayout } from "./memory_layout.ts";
export { hitPoints } from "./hit_points.ts";
export { runScenarioText } from "./scenario_check.ts";
export type { Violation } from "./violation.ts";

export { exportRecording } from "./export_recording.ts";
export {
  allLimits,
  LIMIT_OPTIONS,
  type LimitOption,
  limitsOf,
  runSettings,
} from "./limit_options.ts";
export { loadScenario, openScenario, readScenario } from "./load_scenario.ts";
export { foreignFile, openFile } from "./open_file.ts";
export { blocksOf, type CodeBlock, codeBlocks, PAGE_SUFFIX, runningBlocks } from "./page_blocks.ts";
export { outcomeLine, shellWord } from "./report_printer.ts";
export { engineFor } from "./run_scenarios.ts";
export { TracePrinter } from "./trace_printer.ts";

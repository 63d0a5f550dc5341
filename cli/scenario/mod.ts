/** What other members use of `cli/scenario`. */
export { type CodeBlock, codeBlocks, runningBlocks } from "./code_blocks.ts";
export { exportRecording } from "./export_recording.ts";
export { allLimits, LIMIT_OPTIONS, type LimitOption, limitsOf } from "./limit_options.ts";
export { loadScenario, openScenario, readScenario } from "./load_scenario.ts";
export { foreignFile, openFile } from "./open_file.ts";
export { blocksOf, PAGE_SUFFIX } from "./page_blocks.ts";
export { outcomeLine, shellWord } from "./report_printer.ts";
export { engineFor } from "./run_scenarios.ts";
export { TracePrinter } from "./trace_printer.ts";

/** Other workspace members use these exports of `cli/testing`. */
export { type FileJob, type ListenersOf, runFile } from "./file_run.ts";
export { readShard, type Shard } from "./run_tests.ts";
export { changedLines } from "./snapshots.ts";
export * from "./line_coverage.ts";
export * from "./register_scenarios.ts";

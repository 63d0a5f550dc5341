/** What other members use of `cli/testing/coverage`. */
export { citedRules } from "./citations.ts";
export { type CoverageRecord, CoverageRecorder, joinRecords } from "./recorder.ts";
export { coverageLines, coverageReport } from "./report.ts";

export { citedRules, type CoverageRecord, CoverageRecorder, joinRecords } from "./recorder.ts";
export { coverageLines, coverageReport } from "./report.ts";

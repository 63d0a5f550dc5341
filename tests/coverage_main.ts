/** `deno task coverage`: the rules that the project's scenarios and tests exercise, and those that none does. */
import { readRulePage } from "../cli/places.ts";
import { coverageLines, coverageReport } from "../cli/testing/coverage/report.ts";
import { projectCoverage } from "./coverage.ts";

console.log(coverageLines(coverageReport(await projectCoverage(), readRulePage)).join("\n"));

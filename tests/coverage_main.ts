/** `deno task coverage`: the rules that the project's scenarios and tests exercise, and those that none does. */
import { readRulePage } from "@dmalab/cli";
import { coverageLines, coverageReport } from "@dmalab/cli/testing/coverage";
import { projectCoverage } from "./coverage.ts";

console.log(coverageLines(coverageReport(await projectCoverage(), readRulePage)).join("\n"));

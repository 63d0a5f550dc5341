/** Scenarios as tests of a project, `dmalab/test`. */

export * from "../../../cli/testing/register_scenarios.ts";

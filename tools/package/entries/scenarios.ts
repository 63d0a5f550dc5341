/** Scenarios as tests of a project, `dmalab/test`. */

export * from "@dmalab/cli/testing/register_scenarios";

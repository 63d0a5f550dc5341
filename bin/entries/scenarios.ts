/** Scenarios as tests of a project, `dmalab/test`. */

export * from "../test.ts";

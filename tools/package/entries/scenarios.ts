/** Scenarios as tests of a project, `dmalab/test`. */
import "./older_node.ts";

export * from "../../../cli/testing/register_scenarios.ts";

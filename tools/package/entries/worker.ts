/** Runs files of tests beside others: `dmalab test --jobs`. */
import "./older_node.ts";
import "../../../cli/testing/worker.ts";

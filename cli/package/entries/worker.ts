/** Runs files of tests beside others: `dmalab test --jobs`. */
import "./older_node.ts";
import "../../testing/worker.ts";

/** Runs files of tests beside others: `dmalab test --parallel`. */
import "../../testing/worker.ts";

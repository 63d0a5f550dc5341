/** Does jobs beside others: `--jobs` of `test`, `hunt` and `bench`. */
import "./older_node.ts";
import "../../../cli/jobs/worker.ts";

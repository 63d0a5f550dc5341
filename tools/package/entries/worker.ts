/** Does jobs beside others: `--jobs` of `test`, `hunt` and `bench`. */
import "../../../cli/jobs/worker.ts";

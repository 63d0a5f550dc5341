/** Does jobs beside others: `--jobs` of `test`, `hunt` and `bench`. */
import "../worker.ts";

/** Runs jobs in parallel: `--jobs` of `test`, `hunt` and `bench`. */
import "../worker.ts";

/** Does jobs beside others: `--jobs` of `test`, `hunt` and `bench`. */
import "@dmalab/bin/worker";

/** Runs jobs of `test`, `hunt` and `bench`, and places of sweeps, in parallel. */
import "../worker.ts";

/**
 * Work in several threads: jobs of a plan, and places of a sweep.
 *
 * Other workspace members use these exports:
 */
export { type JobCount, jobCount, jobsWithin } from "./job_count.ts";
export { type NumberedJob, OrderedPlan } from "./ordered_plan.ts";
export { type Plan, restMs, runEndedBySignals, runPlan, startJob } from "./run_plan.ts";
export { type HostTimes, startWorkersAlways, WorkerStart } from "./worker_start.ts";
export { SharedPlaces } from "./shared_places.ts";

/**
 * Work in several threads: jobs of a plan, and places of a sweep.
 *
 * Other workspace members use these exports:
 */
export { jobCount, jobsWithin } from "./job_count.ts";
export { type Plan, runPlan, startJob, startWorkersAfter } from "./run_plan.ts";
export { SharedPlaces } from "./shared_places.ts";

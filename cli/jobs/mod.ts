/** What other members use of `cli/jobs`. */
export { type Plan, runPlan } from "./run_plan.ts";

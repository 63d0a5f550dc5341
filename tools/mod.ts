/** What other members use of `tools`. */
export { runTask } from "./task.ts";

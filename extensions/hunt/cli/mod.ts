/** What other members use of `extensions/hunt/cli`. */
export { runHunt } from "./run_hunt.ts";

/** What other members use of `cli/releases`. */
export { releasesJson } from "./run_releases.ts";
export { releasesText } from "./releases_text.ts";
export { type TestOutcomeChanges, turnsOf } from "./outcome_changes.ts";

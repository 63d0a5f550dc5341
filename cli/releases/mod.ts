/** Other workspace members use these exports of `cli/releases`. */
export { releasesJson } from "./run_releases.ts";
export { releasesText } from "./releases_text.ts";
export { type TestOutcomeChanges, turnsOf } from "./outcome_changes.ts";

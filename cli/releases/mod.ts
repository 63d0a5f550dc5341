/** What other members use of `cli/releases`. */
export { releasesJson } from "./releases_json.ts";
export { releasesText } from "./releases_text.ts";
export { type TestOutcomeChanges, turnsOf } from "./outcome_changes.ts";

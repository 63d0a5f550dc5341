/** What other members use of `cli/releases`. */
export { releasesJson } from "./releases_json.ts";
export { releasesText } from "./releases_text.ts";
export { type TestTurns, turnsOf } from "./turns.ts";

/** Other workspace members use these exports of `tools/reference`. */
export { builtinsPages, REFERENCE_COMMAND } from "./builtins_page.ts";
export { withEventTables } from "./events_page.ts";
export { withFindingTables } from "./findings_page.ts";
export { withMessageAreas, withMessages } from "./messages_page.ts";
export { releaseTable } from "./releases.ts";

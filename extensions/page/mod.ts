/** Other workspace members use these exports of `extensions/page`. */
export { projectLoader } from "./engine/project_loader.ts";
export type { PlaygroundData } from "./page/playground.ts";
export { MAX_LINK_LENGTH, type Shared, writeLink } from "./page/share_link.ts";
export * from "./cli/page_data.ts";

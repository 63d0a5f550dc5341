/** Other workspace members use these exports of `extensions/page`. */
export { projectLoader } from "./engine/project_loader.ts";
export { builtInText, type PlaygroundData } from "./page/built_in_files.ts";
export { MAX_LINK_LENGTH, type Shared, writeLink } from "./page/share_link.ts";
export * from "./cli/page_data.ts";

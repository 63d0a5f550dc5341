/** Other workspace members use these exports of `tools/web`. */
export { buildPage, packedBytes, REPORT_PLAN } from "./build_page.ts";
export { playgroundData } from "./playground_data.ts";

/** Exports of `tools/web` for other members. */
export { buildPage, REPORT_PLAN } from "./build_page.ts";
export { playgroundData } from "./playground_data.ts";

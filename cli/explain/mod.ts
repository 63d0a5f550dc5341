/** Other workspace members use these exports of `cli/explain`. */
export { explain } from "./lookup.ts";
export { RulePage } from "./rule_book.ts";

/** What other members use of `cli/explain`. */
export { explain } from "./lookup.ts";
export { RulePage } from "./rule_book.ts";

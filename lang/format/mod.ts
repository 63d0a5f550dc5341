/**
 * The formatter: lays out tokens and comments, and compares the tree before and after. Tests:
 * `format_test.ts`.
 *
 * Other workspace members use these exports:
 */
export { formatSource } from "./format.ts";
export { INDENT_WIDTH, LINE_WIDTH } from "./line_width.ts";

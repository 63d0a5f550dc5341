/** What other members use of `lang/format`. */
export { formatSource } from "./format.ts";
export { INDENT_WIDTH, LINE_WIDTH } from "./line_width.ts";

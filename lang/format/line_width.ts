/** Width of a line in a scenario, for `dmalab fmt` and for code that writes scenarios. */

/** Limit of the columns of a line. Longer lines are broken where possible. */
export const LINE_WIDTH = 100;

/** Columns of one indentation step. */
export const INDENT_WIDTH = 2;

/** How wide a line of a scenario is, for `dmalab fmt` and for what writes scenarios. */

/** Columns of a line. Longer ones are broken where that is possible. */
export const LINE_WIDTH = 100;

/** Columns of one step inwards. */
export const INDENT_WIDTH = 2;

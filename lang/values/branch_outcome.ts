/** Names of the outcomes of a `fork`. */

/** The entries of its record, one for each of its blocks. */
export const BRANCH_NAMES: readonly string[] = ["first", "second", "third", "fourth"];

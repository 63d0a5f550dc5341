/** What dmalab keeps in a folder of scenarios. */

/** Where: the package that `dmalab init` put there, and the history of the REPL. */
export const OWN_FOLDER = ".dmalab";

/** The file of the REPL's history in it. */
export const HISTORY = "history";

/** Words of command lines: those that are printed, and those that the launcher passes on. */

/** The variable in which the launcher of the npm package says what its command line added, one permission on each line. */
export const GIVEN_PERMISSIONS = "DMALAB_PERMISSIONS";

/** A word of a printed command line, as a shell takes it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quotedWord(text);
}

/** The same in quotes, even where it needs none. */
export function quotedWord(text: string): string {
  return `"${text.replace(/["\\$`]/g, "\\$&")}"`;
}

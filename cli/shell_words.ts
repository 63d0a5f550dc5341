/** Quoting words of printed command lines, and the launcher's variable with permissions. */

/** A variable that the launcher of the npm package sets: the permissions that its command line added, one on each line. */
export const GIVEN_PERMISSIONS = "DMALAB_PERMISSIONS";

/** A word of a printed command line, as a shell takes it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quotedWord(text);
}

/** The same in quotes, even where it needs none. */
export function quotedWord(text: string): string {
  return `"${text.replace(/["\\$`]/g, "\\$&")}"`;
}

/**
 * Quotes words of printed command lines. Also contains the name of the variable that has the
 * launcher's permissions.
 */

/**
 * A variable that the launcher of the npm package sets. It contains the permission options from the launcher's command
 * line, one on each line.
 */
export const GIVEN_PERMISSIONS = "DMALAB_PERMISSIONS";

/** A word of a printed command line, quoted if a shell would change it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quotedWord(text);
}

/** A word in double quotes, even where it needs none. */
export function quotedWord(text: string): string {
  return `"${text.replace(/["\\$`]/g, "\\$&")}"`;
}

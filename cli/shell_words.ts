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

/**
 * The permission to read folders, as a word of a printed command line. Null if a name has a comma: Deno would take it
 * for the end of a path, and permit other folders.
 */
export function readPermission(folders: readonly string[]): string | null {
  return folders.some((folder) => folder.includes(","))
    ? null
    : shellWord(`-R=${folders.join(",")}`);
}

/** What a message says in place of `readPermission` when there is no such word. */
export const COMMA_IN_PATH = "no permission can name a folder with a comma: rename it";

/** A word in double quotes, even where it needs none. */
export function quotedWord(text: string): string {
  return `"${text.replace(/["\\$`]/g, "\\$&")}"`;
}

/** `--match`: a part of a name, or an expression between slashes. */
import type { NameMatch } from "../lang/run/name_match.ts";

/** Reads what was given; a text is what is wrong with it, as a sentence without its end. */
export function readMatches(
  texts: readonly string[],
): { readonly matches: readonly NameMatch[] } | string {
  const matches: NameMatch[] = [];
  for (const text of texts) {
    const [, pattern, flags] = text.match(/^\/(.+)\/([a-z]*)$/s) ?? [];
    if (pattern === undefined) {
      matches.push(text);
      continue;
    }
    try {
      matches.push(new RegExp(pattern, flags));
    } catch (error) {
      return `--match ${text} is not a regular expression: ${
        error instanceof Error ? error.message : error
      }`;
    }
  }
  return { matches };
}

/** As it is typed and printed. */
export function matchText(match: NameMatch): string {
  return typeof match === "string" ? `"${match}"` : String(match);
}

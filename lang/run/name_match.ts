/** Which tests of a file are meant: by a part of their names, or by an expression. */
import { displayName } from "./report.ts";

/** A part of a name, or an expression that finds something in it. */
export type NameMatch = string | RegExp;

/** What tells one test of a file from another. */
type Named = Parameters<typeof displayName>[0];

/** Whether a test's name, or its machine, has one of these in it; all have none of no list. */
export function isNamed(test: Named, matches: readonly NameMatch[]): boolean {
  const name = displayName(test);
  return matches.length === 0 ||
    matches.some((match) =>
      typeof match === "string" ? name.includes(match) : name.search(match) >= 0
    );
}

/** Finds exactly the test of this name; a character that cannot be typed may be any. */
export function exactMatch(name: string): RegExp {
  const escaped = name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  // deno-lint-ignore no-control-regex
  return new RegExp(`^${escaped.replace(/[\x00-\x1f\x7f-\x9f]/g, "[^]")}$`);
}

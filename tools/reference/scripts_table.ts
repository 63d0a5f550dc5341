/** The table of developers' scripts in docs/dev/commands.md. */
import { SCRIPTS } from "../scripts.ts";
import { markdownTable, withPart } from "./marked_part.ts";

/**
 * The page with the table of `SCRIPTS`. @throws {RangeError} When the page has no place for the
 * table.
 */
export function withScriptTable(page: string): string {
  const rows = Object.entries(SCRIPTS)
    .map(([name, { brief, usage = "" }]) => [`\`${`${name} ${usage}`.trimEnd()}\``, brief]);
  return withPart(page, "scripts", markdownTable(["script", "what it does"], rows));
}

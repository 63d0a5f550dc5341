/** Text in HTML, SVG and XML. */
import { printableText } from "../diagnostics/display_width.ts";

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
]);

/**
 * Escapes a text for the content of an element, or for an attribute in double quotes. Two kinds of
 * characters are replaced by pictures, as at a terminal: control characters, which markup cannot
 * contain, and characters that change the direction of text or hide it.
 *
 * @example `escapeMarkup("a < \x1b[31m")` is `"a &lt; ␛[31m"`.
 */
export function escapeMarkup(text: string): string {
  return printableText(text, false).replace(/[&<>"]/g, (character) => ENTITIES.get(character)!);
}

/** Parts of a page that are written from the sources, each between two comments. */

/**
 * The page with one part replaced.
 *
 * @param name The part's name, as in the comments before and after the part.
 * @throws {RangeError} When the page has no such part.
 */
export function withPart(page: string, name: string, lines: readonly string[]): string {
  const begin = `<!-- ${name}: written by \`deno task reference\` -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf("<!-- end -->", from);
  if (from < 0 || to < 0) throw new RangeError(`The page has no part "${name}"`);
  return `${page.slice(0, from)}${begin}\n\n${lines.join("\n")}\n\n${page.slice(to)}`;
}

/**
 * The page with several parts replaced, by their names.
 * @throws {RangeError} When the page lacks one of the parts.
 */
export function withParts(
  page: string,
  parts: Readonly<Record<string, readonly string[]>>,
): string {
  return Object.entries(parts).reduce((text, [name, lines]) => withPart(text, name, lines), page);
}

/** A table of Markdown: bars in cells are escaped. */
export function markdownTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");
  return [line(heads), line(heads.map(() => "---")), ...rows.map((row) => line(row.map(cell)))];
}

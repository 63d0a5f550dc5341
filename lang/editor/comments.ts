/** Comments above a declaration. */
import type { Span } from "../source.ts";

/** The lines of the comment directly above a location, without comment signs. */
export function commentAbove({ source, start }: Span): readonly string[] {
  const lines: string[] = [];
  for (let number = source.position(start).line - 1; number >= 1; number--) {
    const comment = source.line(number).match(/^\s*#+ ?(.*)$/);
    if (comment === null) break;
    lines.unshift(comment[1]!);
  }
  return lines;
}

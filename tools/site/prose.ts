/** Changes the text of a page outside of its code. */

/** Code, links, and what is neither, on a line of Markdown. */
const PARTS = /(`+[^`]*`+)|\[((?:[^[\]`]|`[^`]*`)*)\]\(([^)\s]+)\)|([^`[]+|.)/g;

export interface ProseChange {
  /** A link, with its text as Markdown. */
  readonly link: (text: string, target: string) => string;
  /** Anything else. */
  readonly words: (text: string) => string;
}

/** A page with its links and its words changed; fences, code and headings stay as they are. */
export function changeProse(page: string, { link, words }: ProseChange): string {
  let fenced = false;
  return page.split("\n").map((line) => {
    if (line.startsWith("```")) fenced = !fenced;
    if (fenced || line.startsWith("```")) return line;
    const isHeading = line.startsWith("#");
    return line.replace(PARTS, (part, code, text, target, other) => {
      if (code !== undefined || other !== undefined && isHeading) return part;
      return target === undefined ? words(other) : link(text, target);
    });
  }).join("\n");
}

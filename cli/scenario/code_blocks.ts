/** The fenced blocks of Markdown pages. */

export interface CodeBlock {
  /** The page, from the project's root. */
  readonly page: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
  /** The first word after the fence: `dma`, `console`, `sh`. */
  readonly language: string;
  /** The other words: `fragment`, `later`. */
  readonly marks: readonly string[];
  /** What stands between the fences, without the last line end. */
  readonly code: string;
  /** The heading it stands under. */
  readonly heading: string;
}

/** All blocks of a page, in order. */
export function codeBlocks(page: string, text: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const lines = text.split("\n");
  let heading = "";
  for (let index = 0; index < lines.length; index++) {
    heading = lines[index]!.match(/^#+ (.*)$/)?.[1] ?? heading;
    const info = lines[index]!.match(/^```(.*)$/)?.[1];
    if (info === undefined) continue;
    const start = index + 1;
    do index++; while (index < lines.length && lines[index] !== "```");
    const [language = "", ...marks] = info.trim().split(/\s+/);
    blocks.push({
      page,
      line: start,
      language,
      marks,
      code: lines.slice(start, index).join("\n"),
      heading,
    });
  }
  return blocks;
}

/** The blocks of a page that run by themselves. */
export function runningBlocks(page: string, text: string): CodeBlock[] {
  return codeBlocks(page, text).filter(({ language, marks }) =>
    language === "dma" && !marks.includes("fragment") && !marks.includes("later")
  );
}

/** Converts a Markdown page to scenarios: one for each block that can be run. */
import { SourceFile } from "@dmalab/lang";

/** The ending of Markdown pages. */
export const PAGE_SUFFIX = ".md";

/**
 * A scenario for each block of a page; or a sentence that says that the page has no block. The
 * lines outside of a block are comments in its scenario, so that the block's line numbers stay the
 * same.
 */
export function blocksOf({ name, text }: SourceFile): readonly SourceFile[] | string {
  const page = text.replaceAll("\r\n", "\n");
  const lines = page.split("\n");
  const blocks = runningBlocks(name, page);
  if (blocks.length === 0) {
    return `"${name}" has no block to run: such a block begins with \`\`\`dma`;
  }
  return blocks.map(({ code, line: first }) => {
    const end = first + code.split("\n").length;
    const own = lines.map((line, index) =>
      index >= first && index < end || line === "" ? line : `# ${line}`
    );
    return new SourceFile(name, own.join("\n"));
  });
}

/** A fenced block of a Markdown page. */
export interface CodeBlock {
  /** The path of the page from the project's root. */
  readonly page: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
  /** The first word after the fence: `dma`, `console`, `sh`. */
  readonly language: string;
  /** The further words after the fence: `fragment`, `later`. */
  readonly marks: readonly string[];
  /** The text between the fences, without the last line end. */
  readonly code: string;
  /** The heading above the block. */
  readonly heading: string;
}

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

export function runningBlocks(page: string, text: string): CodeBlock[] {
  return codeBlocks(page, text).filter(({ language, marks }) =>
    language === "dma" && !marks.includes("fragment") && !marks.includes("later")
  );
}

/** A Markdown page as scenarios: one for each of its blocks that run. */
import { SourceFile } from "@dmalab/lang";
import { runningBlocks } from "./code_blocks.ts";

/** What names of Markdown pages end with. */
export const PAGE_SUFFIX = ".md";

/**
 * A scenario for each block, or that there is none, as a sentence. Around a block stand the page's other
 * lines as comments: it keeps its place.
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

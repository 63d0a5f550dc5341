/** A Markdown page as scenarios: one for each of its blocks that run. */
import { SourceFile } from "../../lang/source.ts";
import { runningBlocks } from "../docs/code_blocks.ts";

/** A scenario for each block. Around it stand the page's other lines as comments: it keeps its place. */
export function blocksOf({ name, text }: SourceFile): readonly SourceFile[] {
  const page = text.replaceAll("\r\n", "\n");
  const lines = page.split("\n");
  return runningBlocks(name, page).map(({ code, line: first }) => {
    const end = first + code.split("\n").length;
    const own = lines.map((line, index) =>
      index >= first && index < end || line === "" ? line : `# ${line}`
    );
    return new SourceFile(name, own.join("\n"));
  });
}

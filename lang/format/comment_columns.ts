/** Comments behind code, in one column where lines with such comments follow each other. */
import { displayWidth } from "../diagnostics/display_width.ts";

/** Blanks between the code and its comment. */
const DISTANCE = 2;

/** Puts comments that end lines into columns. `mark` stands before each. */
export function alignComments(text: string, mark: string): string {
  const lines = text.split("\n").map((line) => {
    const [code = "", ...comments] = line.split(mark);
    return { code: code.trimEnd(), comment: comments.map((each) => each.trim()).join("  ") };
  });
  const result: string[] = [];
  for (let start = 0; start < lines.length;) {
    let end = start;
    while (end < lines.length && lines[end]!.comment !== "" && lines[end]!.code !== "") end++;
    const run = lines.slice(start, end);
    const width = Math.max(0, ...run.map(({ code }) => displayWidth(code)));
    for (const { code, comment } of run) {
      const blanks = " ".repeat(width - displayWidth(code) + DISTANCE);
      result.push(`${code}${blanks}${comment}`);
    }
    if (end === start) {
      const { code, comment } = lines[end]!;
      result.push(code === "" ? comment : code);
      end++;
    }
    start = end;
  }
  return result.join("\n");
}

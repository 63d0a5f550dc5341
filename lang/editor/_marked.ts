/** Source texts for tests. In a text, `‸` marks the cursor, and `«…»` marks a range. */
import { SourceFile, type Span } from "../source.ts";
import { memoryFiles } from "../syntax/load_files.ts";
import { analyse, type Analysis } from "./analysis.ts";

export interface Marked {
  readonly analysis: Analysis;
  readonly cursor: number;
  readonly ranges: readonly Pick<Span, "start" | "end">[];
  readonly loader: ReturnType<typeof memoryFiles>;
}

/** A machine with a disk, as the first line of scripts that need one. */
export const DISK =
  "machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { depth = 32 } } } }\n";

export function marked(text: string, files: Readonly<Record<string, string>> = {}): Marked {
  let plain = "";
  let cursor = -1;
  const open: number[] = [];
  const ranges: Pick<Span, "start" | "end">[] = [];
  for (const letter of text) {
    if (letter === "‸") cursor = plain.length;
    else if (letter === "«") open.push(plain.length);
    else if (letter === "»") ranges.push({ start: open.pop()!, end: plain.length });
    else plain += letter;
  }
  const loader = memoryFiles(files);
  return { analysis: analyse(new SourceFile("main.dma", plain), loader), cursor, ranges, loader };
}

/** The text with marks around some of its ranges. */
export function withMarks(text: string, spans: readonly Pick<Span, "start" | "end">[]): string {
  let result = text;
  for (const { end, start } of spans.toSorted((a, b) => b.start - a.start)) {
    result = `${result.slice(0, start)}«${result.slice(start, end)}»${result.slice(end)}`;
  }
  return result;
}

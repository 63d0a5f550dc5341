/** Lays out a text next to its label. */
import { wrapText } from "@dmalab/lang/text";

/** Wraps a text to the right of its label; further lines are indented to the same column. */
export function labelledLines(
  label: string,
  text: string,
  width: number,
  columns: number,
): string[] {
  return wrapText(text, columns - width - 2)
    .map((line, index) => {
      const shown = index === 0 ? label : "";
      return `  ${shown.length < width ? shown.padEnd(width) : `${shown} `}${line}`;
    });
}

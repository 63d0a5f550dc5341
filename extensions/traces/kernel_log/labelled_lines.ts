/** How a text is laid out behind its label. */
import { wrapText } from "@dmalab/lang/text";

/** A text behind its label, with what goes on below it. */
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

/** Findings of a listing, shown as diagnostics of scripts are: the place, the line, a hint. */
import type { ListingFinding } from "../lspci/finding.ts";
import { renderFinding } from "@dmalab/lang/diagnostics";
import { SourceFile } from "@dmalab/lang";
import { painter } from "@dmalab/lang/render";
import { diagnosticStyle } from "@dmalab/cli/scenario/diagnostic_style";

/** @param name How the listing is called in messages. */
export function findingText(
  findings: readonly ListingFinding[],
  name: string,
  text: string,
  colour: boolean,
): string {
  const last = findings.reduce((most, { line }) => Math.max(most, line), 1);
  const source = new SourceFile(name, firstLines(text, last));
  const style = diagnosticStyle(painter(colour));
  return findings.map(({ code, severity, line, message, hint }) => {
    const start = source.lineStarts[line - 1] ?? 0;
    const whole = source.line(line);
    const blanks = whole.length - whole.trimStart().length;
    const lines = renderFinding({
      word: severity,
      severity,
      tag: code,
      message,
      span: {
        source,
        start: start + blanks,
        end: start + Math.max(blanks, whole.trimEnd().length),
      },
      ...hint === null ? {} : { hint },
    }, { style });
    return `${lines.join("\n")}\n`;
  }).join("\n");
}

/** As much of a text as is shown: a table of all lines of a large one is many times its size. */
function firstLines(text: string, count: number): string {
  let end = -1;
  for (let line = 0; line < count; line++) {
    end = text.indexOf("\n", end + 1);
    if (end < 0) return text;
  }
  return text.slice(0, end);
}

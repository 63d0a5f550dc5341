/** A record that cannot be read, with the place where it is wrong. */
import type { FaultLogProblem } from "@dmalab/runtime/fault_log";

/** The message, and the line with a caret where it is wrong. */
export function problemLines(text: string, { message, offset }: FaultLogProblem): string[] {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const line = text.slice(start).split("\n", 1)[0]!.replaceAll("\t", " ");
  return [message, `    ${line}`, `    ${" ".repeat(offset - start)}^`];
}

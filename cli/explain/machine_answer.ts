/** `dmalab explain --in FILE`: explains an object of a scenario's machine, with its history. */
import { printable, renderDiagnostics } from "@dmalab/lang/diagnostics";
import { Session } from "@dmalab/lang/program";
import type { InputResult } from "@dmalab/lang/run";
import { HostLoader } from "../host_loader.ts";

/**
 * Runs a scenario's statements without its tests, and afterwards `explain QUESTION`.
 *
 * @param question An expression, such as `ssd.limits.max_transfer`.
 * @returns The printed lines; or the error, as a text.
 */
export function explainOfMachine(path: string, question: string): readonly string[] | string {
  const opened = HostLoader.open(path);
  if (typeof opened === "string") return `error: ${opened}`;
  let lines: string[] = [];
  const session = new Session({
    loader: opened.loader,
    onLine: (line) => lines.push(printable(line)),
  });
  const problem = problemOf(session.feedSource(opened.entry));
  if (problem !== null) return problem;
  lines = [];
  return problemOf(session.feed(`explain ${question}`)) ?? lines;
}

function problemOf({ diagnostics, failure, incomplete }: InputResult): string | null {
  if (incomplete) return "error: the expression is incomplete";
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  if (errors.length > 0) return renderDiagnostics(errors);
  return failure === null ? null : failure.lines.join("\n");
}

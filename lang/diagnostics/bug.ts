/**
 * How a bug of dmalab is reported: a sentence, where in dmalab it was found, and what to send. A stack
 * would say more to us and nothing to its reader.
 */
import type { Span } from "../source.ts";
import type { DiagnosticCode } from "./codes.ts";
import type { Diagnostic } from "./diagnostic.ts";

export const BUG_CODE: DiagnosticCode = "E0999";

/** The mistake, as the sentence of a diagnostic. */
export function bugMessage(error: unknown): string {
  return `Bug in dmalab: ${whatIsWrong(error)}`;
}

function whatIsWrong(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** How to report it, beside the input. */
export const BUG_HINT =
  "nothing in the input is at fault; please report it with the input and the seed";

/**
 * Where in dmalab it was found, as a file and a line; null for an error without a stack.
 *
 * The function that reports a broken rule is on every such stack: its caller counts.
 */
export function bugPlace(error: unknown): string | null {
  const stack = error instanceof Error ? error.stack ?? "" : "";
  for (const line of stack.split("\n").slice(1)) {
    const [, path, lineNumber] = line.match(/\(?(?:file:\/\/)?(\/?[^\s()]+):(\d+):\d+\)?$/) ?? [];
    if (path === undefined || /\binvariant \(|\b(?:ext|node):/.test(line)) continue;
    return `${path.split("/").slice(-3).join("/")}:${lineNumber}`;
  }
  return null;
}

/** A bug that was met at a place of the input. */
export function bugDiagnostic(error: unknown, span: Span): Diagnostic {
  const place = bugPlace(error);
  return {
    code: BUG_CODE,
    severity: "error",
    span,
    message: bugMessage(error),
    bug: { what: whatIsWrong(error), place },
    hint: place === null ? BUG_HINT : `${BUG_HINT}; it was found at ${place}`,
  };
}

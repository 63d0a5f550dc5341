/**
 * Reports a bug of dmalab: a sentence, the location in dmalab where the bug was found, and the data
 * to send. A stack trace would help the developers, but not the reader of the report.
 */
import type { Span } from "../source.ts";
import type { DiagnosticCode } from "./codes.ts";
import type { Diagnostic } from "./diagnostic.ts";

export const BUG_CODE: DiagnosticCode = "E0999";

/** The message of a bug, as the sentence of a diagnostic. */
export function bugMessage(error: unknown): string {
  return `Bug in dmalab: ${whatIsWrong(error)}`;
}

function whatIsWrong(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The instructions for reporting a bug, together with the input. */
export const BUG_HINT =
  "nothing in the input is at fault; please report it with the input and the seed";

/**
 * The location in dmalab where the bug was found, as a file and a line; null for an error without a
 * stack.
 *
 * If `invariant` reported a broken rule, `invariant` is on top of the stack. The location is then
 * that of the caller of `invariant`.
 */
export function bugPlace(error: unknown): string | null {
  const stack = error instanceof Error ? stackText(error) : "";
  for (const line of stack.split("\n").slice(1)) {
    const [, path, lineNumber] = line.match(/\(?(?:file:\/\/)?(\/?[^\s()]+):(\d+):\d+\)?$/) ?? [];
    if (path === undefined || /\binvariant \(|\b(?:ext|node):/.test(line)) continue;
    return `${path.split("/").slice(-3).join("/")}:${lineNumber}`;
  }
  return null;
}

/** The stack of an error as text. If the host's own stack was full, the error may have none. */
export function stackText({ stack }: Error): string {
  return typeof stack === "string" ? stack : "";
}

/** The diagnostic of a bug that occurred at a location of the input. */
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

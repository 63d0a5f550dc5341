/** The colours of diagnostics and failures. */
import { type Diagnostic, renderDiagnostics, type StyleRole } from "@dmalab/lang/diagnostics";
import { type Paint, painter, type TextRole } from "@dmalab/lang/text";
import type { Screen } from "../screen.ts";

const ROLES: Readonly<Record<StyleRole, TextRole>> = {
  error: "bad",
  warning: "warning",
  code: "dim",
  place: "dim",
  caret: "bad",
  hint: "good",
  gutter: "dim",
};

/** Writes diagnostics to the error stream; nothing for an empty list. */
export function printDiagnostics(diagnostics: readonly Diagnostic[], screen: Screen): void {
  if (diagnostics.length === 0) return;
  const style = diagnosticStyle(painter(screen.colour));
  screen.err(`${renderDiagnostics(diagnostics, { style })}\n\n`);
}

/** The style for `renderDiagnostic` and `runProgram`. */
export function diagnosticStyle(paint: Paint): (role: StyleRole, text: string) => string {
  return (role, text) => paint(ROLES[role], text);
}

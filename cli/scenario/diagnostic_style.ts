/** The colours of diagnostics and failures. */
import type { StyleRole } from "../../lang/diagnostics/render.ts";
import type { Paint, Role } from "../../lang/render/paint.ts";

const ROLES: Readonly<Record<StyleRole, Role>> = {
  error: "bad",
  warning: "warning",
  code: "dim",
  place: "dim",
  caret: "bad",
  hint: "good",
  gutter: "dim",
};

/** What `renderDiagnostic` and `runProgram` take as their style. */
export function diagnosticStyle(paint: Paint): (role: StyleRole, text: string) => string {
  return (role, text) => paint(ROLES[role], text);
}

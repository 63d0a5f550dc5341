/** Names that are not used, and lambdas that keep an old value: warnings, never errors. */
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type { FileNode } from "../../syntax/tree/ast.ts";
import { roleOf } from "../../syntax/tree/nodes.ts";
import type { Resolution } from "./bindings.ts";
import type { FileScope } from "./file_scope.ts";

/**
 * Warns about unused names of a file that is run itself. A library gets no such warnings, because
 * other files use its names.
 */
export function warnUnused(
  file: FileNode,
  scope: FileScope,
  resolution: Resolution,
  bag: DiagnosticBag,
): void {
  const warn = (name: string, span: FileNode["span"]) => {
    if (name.startsWith("_")) return;
    bag.add({
      code: "W0301",
      severity: "warning",
      span,
      message: `\`${name}\` is never used`,
      hint: `rename it to \`_${name}\` if it is unused on purpose`,
      fixes: [{ span, text: `_${name}` }],
    });
  };
  for (const variable of resolution.variables.values()) {
    if (variable.span.source !== file.span.source) continue;
    // A loop may repeat its block without using its variable, and a lambda may ignore its
    // parameter.
    const counts = variable.role === "loop" || variable.owner?.role === "lambda";
    if (!counts && variable.reads === 0) warn(variable.name, variable.span);
    const captured = variable.capturedAt?.start ?? Infinity;
    const late = variable.assigned.find(({ span }) => span.start > captured);
    if (late !== undefined) {
      bag.warning(
        "W0304",
        late.span,
        `A lambda or an invariant above keeps the value that \`${variable.name}\` had there`,
      );
    }
  }
  // Only a file that is run has tests or statements.
  if (file.items.every((item) => roleOf(item) === "declaration")) return;
  for (const { declaration, reads } of scope.declared.values()) {
    if (reads === 0 && declaration.span.source === file.span.source) {
      warn(declaration.name.text, declaration.name.span);
    }
  }
}

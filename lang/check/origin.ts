/** Where a value comes from that does not fit: the mistake is often there, not at its use. */
import type { RelatedSpan } from "../diagnostics/diagnostic.ts";
import type { Expression } from "../syntax/ast.ts";
import type { Resolution } from "./bindings.ts";

/** The `let`, `const` or `fn` of a name, when it stands on another line than its use. */
export function originOf(expression: Expression, resolution: Resolution): readonly RelatedSpan[] {
  const name = expression.kind === "Call" ? expression.callee : expression;
  if (name.kind !== "Name") return [];
  const binding = resolution.names.get(name);
  if (binding === undefined) return [];
  const origin: RelatedSpan | null = binding.kind === "variable"
    ? { span: binding.span, message: `\`${name.name}\` is bound here` }
    : binding.kind === "const" || binding.kind === "function"
    ? { span: binding.declaration.name.span, message: `\`${name.name}\` is declared here` }
    : null;
  if (origin === null) return [];
  const line = ({ span }: Pick<RelatedSpan, "span">) => span.source.position(span.start).line;
  const elsewhere = origin.span.source !== name.span.source || line(origin) !== line(name);
  return elsewhere ? [origin] : [];
}

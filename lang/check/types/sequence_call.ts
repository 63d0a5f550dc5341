/** `sequence(…)` as the choices of a property: the property's variable is the whole list. */
import type { CallExpression, Expression } from "../../syntax/tree/ast.ts";

/** Name of the builtin that has the same parameters as a property's sequence. */
const SEQUENCE_FUNCTION = "sequence";

export function isSequenceCall(expression: Expression): expression is CallExpression {
  return expression.kind === "Call" && expression.callee.kind === "Name" &&
    expression.callee.name === SEQUENCE_FUNCTION;
}

/** `sequence(…)` where a property chooses: it draws the whole list. */
import type { CallExpression, Expression } from "../../syntax/tree/ast.ts";

/** The builtin with the arguments of a property's sequences. */
const SEQUENCE_FUNCTION = "sequence";

export function isSequenceCall(expression: Expression): expression is CallExpression {
  return expression.kind === "Call" && expression.callee.kind === "Name" &&
    expression.callee.name === SEQUENCE_FUNCTION;
}

/** `sequence(…)` where a property chooses: what is drawn is the whole list. */
import type { CallExpression, Expression } from "../../syntax/tree/ast.ts";

/** The builtin whose arguments say what a property's sequences are. */
const SEQUENCE_FUNCTION = "sequence";

export function isSequenceCall(expression: Expression): expression is CallExpression {
  return expression.kind === "Call" && expression.callee.kind === "Name" &&
    expression.callee.name === SEQUENCE_FUNCTION;
}

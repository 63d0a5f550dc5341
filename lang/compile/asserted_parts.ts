/** Selects the parts of an assertion's condition that a failure shows, and where it shows them. */
import type { Resolution } from "../check/names/bindings.ts";
import type { Span } from "../source.ts";
import type { BinaryExpression, Expression } from "../syntax/tree/ast.ts";

export interface AssertedExpression {
  readonly expression: Expression;
  /** The value is printed below the start of this span. */
  readonly anchor: Span;
}

/**
 * The parts that are shown: names, fields, calls, indexes and operators; not literals and
 * constants, because the source already shows their values.
 */
export function assertedParts(
  expression: Expression,
  resolution: Resolution,
): readonly AssertedExpression[] {
  return [...parts(expression, resolution)];
}

/** Every `==` that must be true for the condition to be true. */
export function* comparisonsOf(condition: Expression): Generator<BinaryExpression> {
  if (condition.kind !== "Binary") return;
  if (condition.operator === "==") yield condition;
  if (condition.operator !== "and") return;
  yield* comparisonsOf(condition.left);
  yield* comparisonsOf(condition.right);
}

function* parts(expression: Expression, resolution: Resolution): Generator<AssertedExpression> {
  switch (expression.kind) {
    case "Name": {
      const binding = resolution.names.get(expression);
      if (binding?.kind === "variable" || binding?.kind === "const") {
        yield { expression, anchor: expression.span };
      }
      return;
    }
    case "Field":
      if (resolution.eventNames.has(expression)) return;
      yield* parts(expression.object, resolution);
      yield { expression, anchor: expression.field.span };
      return;
    case "Index": {
      yield* parts(expression.object, resolution);
      yield* parts(expression.index, resolution);
      const { source, start } = expression.index.span;
      const bracket = source.text.lastIndexOf("[", start);
      yield { expression, anchor: { source, start: bracket, end: bracket + 1 } };
      return;
    }
    case "Call": {
      const { callee } = expression;
      if (callee.kind === "Field") yield* parts(callee.object, resolution);
      for (const argument of expression.arguments) yield* parts(argument.value, resolution);
      yield { expression, anchor: callee.kind === "Field" ? callee.field.span : callee.span };
      return;
    }
    case "Unary":
      yield* parts(expression.operand, resolution);
      if (expression.operator === "not") yield { expression, anchor: expression.span };
      return;
    case "Binary":
      yield* parts(expression.left, resolution);
      yield* parts(expression.right, resolution);
      yield { expression, anchor: expression.operatorSpan };
      return;
    case "List":
      for (const item of expression.items) yield* parts(item, resolution);
      return;
    case "Range":
      yield* parts(expression.first, resolution);
      yield* parts(expression.last, resolution);
      return;
    case "Cast":
      yield* parts(expression.operand, resolution);
      return;
    case "IfValue":
      // The parts of the branches are left out. The value of the condition shows which branch was
      // evaluated.
      yield* parts(expression.condition, resolution);
      return;
    case "Integer":
    case "Ratio":
    case "Size":
    case "Duration":
    case "String":
    case "Bytes":
    case "Boolean":
    case "None":
    case "Record":
    case "CopyWith":
    case "MatchValue":
    case "Lambda":
    case "Try":
    case "Trace":
    case "Compare":
    case "Fork":
    case "Race":
    case "ErrorExpression":
      return;
    default:
      expression satisfies never;
  }
}

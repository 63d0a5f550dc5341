/** Traversals of the syntax tree: the direct children of each node. */
import type { Block, CallExpression, CompareExpression, Expression, Statement } from "./ast.ts";
import { innerBlocks, roleOf, statementExpressions } from "./statement_kinds.ts";

/**
 * Calls `test` for the direct parts of an expression, until `test` returns true for a part.
 * Statements of a block inside it, such as those of a `trace`, are not included.
 *
 * Files of ten thousand lines have a hundred thousand expressions, so this does not build lists.
 */
export function someChild(
  expression: Expression,
  test: (child: Expression) => boolean,
): boolean {
  switch (expression.kind) {
    case "Integer":
    case "Ratio":
    case "Size":
    case "Duration":
    case "Bytes":
    case "Boolean":
    case "None":
    case "Name":
    case "Trace":
    case "Compare":
    case "Fork":
    case "Race":
    case "ErrorExpression":
      return false;
    case "String":
      return expression.parts.some((part) => typeof part !== "string" && test(part));
    case "List":
      return expression.items.some(test);
    case "Record":
      return someValue(expression.entries, test);
    case "CopyWith":
      return test(expression.object) || someValue(expression.entries, test);
    case "IfValue":
      return test(expression.condition) || test(expression.then) || test(expression.otherwise);
    case "MatchValue":
      return test(expression.subject) ||
        expression.arms.some(({ pattern, value }) =>
          pattern !== null && test(pattern) || test(value)
        );
    case "Lambda":
      return test(expression.body);
    case "Unary":
    case "Try":
    case "Cast":
      return test(expression.operand);
    case "Binary":
      return test(expression.left) || test(expression.right);
    case "Range":
      return test(expression.first) || test(expression.last);
    case "Call":
      return test(expression.callee) || someValue(expression.arguments, test);
    case "Index":
      return test(expression.object) || test(expression.index);
    case "Field":
      return test(expression.object);
  }
}

/**
 * The expression before the last suffix: `f` in `f(x)`; null for an expression without a suffix.
 */
export function objectOf(expression: Expression): Expression | null {
  switch (expression.kind) {
    case "Call":
      return expression.callee;
    case "Cast":
      return expression.operand;
    case "Field":
    case "Index":
    case "CopyWith":
      return expression.object;
    default:
      return null;
  }
}

function someValue(
  entries: readonly { readonly value: Expression }[],
  test: (value: Expression) => boolean,
): boolean {
  for (const { value } of entries) if (test(value)) return true;
  return false;
}

/** Calls `test` for an expression and all expressions inside it, until one of them passes. */
export function someExpression(
  expression: Expression,
  test: (expression: Expression) => boolean,
): boolean {
  const look = (inner: Expression): boolean => test(inner) || someChild(inner, look);
  return look(expression);
}

type WithBlocks = Extract<
  Expression,
  { readonly body: Block } | { readonly branches: readonly Block[] }
>;

const NO_BLOCKS: readonly Block[] = [];

/** The blocks of an expression: of `trace`, `fork`, `race` and `compare`. */
function blocksOf(expression: Expression): readonly Block[] {
  switch (expression.kind) {
    case "Trace":
    case "Compare":
      return [expression.body];
    case "Fork":
    case "Race":
      return expression.branches;
    default:
      expression satisfies Exclude<Expression, WithBlocks>;
      return NO_BLOCKS;
  }
}

/** Visits every expression of a statement, with its parts, but not the statement's blocks. */
function eachExpression(statement: Statement, visit: (expression: Expression) => void): void {
  const look = (expression: Expression): boolean => {
    visit(expression);
    return someChild(expression, look);
  };
  for (const expression of statementExpressions(statement)) look(expression);
}

export function expressionBlocks(statement: Statement): readonly Block[] {
  let blocks: Block[] | null = null;
  eachExpression(statement, (expression) => {
    for (const block of blocksOf(expression)) (blocks ??= []).push(block);
  });
  return blocks ?? NO_BLOCKS;
}

/** Every `compare` in a statement, at any depth. */
export function comparisonsIn(
  statement: Statement,
  found: CompareExpression[] = [],
): readonly CompareExpression[] {
  eachExpression(statement, (expression) => {
    if (expression.kind === "Compare") found.push(expression);
  });
  for (const { statements } of [...innerBlocks(statement), ...expressionBlocks(statement)]) {
    for (const inner of statements) comparisonsIn(inner, found);
  }
  return found;
}

/** Whether a statement's own expressions contain a call, or make the machine run. */
export function callsSomething(statement: Statement): boolean {
  return roleOf(statement) === "machine" ||
    statementExpressions(statement).some((expression) => someExpression(expression, isCall));
}

/**
 * The only call of a statement that is not inside another call; null if there is no such call, or
 * if there are several.
 */
export function onlyCall(statement: Statement): CallExpression | null {
  const calls: CallExpression[] = [];
  const look = (expression: Expression): boolean => {
    if (expression.kind !== "Call") return someChild(expression, look);
    calls.push(expression);
    return calls.length > 1;
  };
  statementExpressions(statement).some(look);
  return calls.length === 1 ? calls[0]! : null;
}

/** Whether an expression is itself a call. */
export function isCall({ kind }: Expression): boolean {
  return kind === "Call";
}

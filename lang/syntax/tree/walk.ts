/** Traversals of the syntax tree, from the direct parts of each node. */
import type { Block, CallExpression, CompareExpression, Expression, Statement } from "./ast.ts";
import { blocksOf, innerBlocks, NONE, roleOf, someChild, statementExpressions } from "./nodes.ts";

/** Calls `test` for an expression and all expressions inside it, until one of them passes. */
export function someExpression(
  expression: Expression,
  test: (expression: Expression) => boolean,
): boolean {
  const look = (inner: Expression): boolean => test(inner) || someChild(inner, look);
  return look(expression);
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
  return blocks ?? NONE;
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
  return runsOrHas(statement, isCall);
}

/** Whether a statement may touch the machine: by a call, or by an element or a field, which memory may back. */
export function touchesMachine(statement: Statement): boolean {
  return runsOrHas(
    statement,
    (expression) =>
      isCall(expression) || expression.kind === "Index" || expression.kind === "Field",
  );
}

/** Whether a statement makes the machine run, or its own expressions have one that passes a test. */
function runsOrHas(statement: Statement, test: (expression: Expression) => boolean): boolean {
  return roleOf(statement) === "machine" ||
    statementExpressions(statement).some((expression) => someExpression(expression, test));
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

/** Walks over the syntax tree: what is directly inside what. */
import type {
  Block,
  CompareExpression,
  EventPattern,
  Expression,
  PatternEvent,
  PatternField,
  Statement,
} from "../syntax/tree/ast.ts";

/** The events of a pattern, in the order of the text. */
export function* patternEvents(pattern: EventPattern): Generator<PatternEvent> {
  switch (pattern.kind) {
    case "Event":
      yield pattern;
      return;
    case "Gap":
      return;
    case "Sequence":
      for (const item of pattern.items) yield* patternEvents(item);
      return;
    case "Alternatives":
      for (const choice of pattern.choices) yield* patternEvents(choice);
      return;
    case "Repeat":
      yield* patternEvents(pattern.item);
      return;
    case "Absent":
      yield pattern.event;
      return;
  }
}

/** The fields that a pattern's events ask for. */
export function patternFields(pattern: EventPattern): readonly PatternField[] {
  return [...patternEvents(pattern)].flatMap(({ fields }) => fields);
}

/** The blocks a statement consists of; those of `trace`, `fork` and `compare` belong to expressions. */
export function innerBlocks(statement: Statement): readonly Block[] {
  switch (statement.kind) {
    case "Function":
    case "Test":
    case "Property":
    case "While":
    case "For":
    case "Repeat":
    case "ExpectOutcome":
    case "OnCpu":
    case "Fail":
      return [statement.body];
    case "Bench":
      return statement.setup === null ? [statement.loop] : [statement.setup, statement.loop];
    case "If": {
      const { otherwise, then } = statement;
      if (otherwise === null) return [then];
      return "kind" in otherwise ? [then, ...innerBlocks(otherwise)] : [then, otherwise];
    }
    case "Match":
      return statement.arms.map(({ body }) => body);
    default:
      return NO_BLOCKS;
  }
}

const NO_BLOCKS: readonly Block[] = [];
const NO_EXPRESSIONS: readonly Expression[] = [];

/** The expressions a statement consists of, those of its blocks aside. */
export function statementExpressions(statement: Statement): readonly Expression[] {
  switch (statement.kind) {
    case "Const":
    case "Let":
    case "Assign":
    case "Output":
      return [statement.value];
    case "Property":
      return statement.forall.map(({ values }) => values);
    case "Bench":
      return statement.budgets.map(({ condition }) => condition);
    case "If": {
      const { condition, otherwise } = statement;
      return otherwise !== null && "kind" in otherwise
        ? [condition, ...statementExpressions(otherwise)]
        : [condition];
    }
    case "While":
    case "Invariant":
      return [statement.condition];
    case "For":
      return [statement.values];
    case "Repeat":
      return [statement.count];
    case "Match":
      return [statement.subject, ...present(statement.arms.map(({ pattern }) => pattern))];
    case "Return":
      return present([statement.value]);
    case "Assert":
      return present([statement.condition, statement.message]);
    case "ExpectEvents":
      return [...patternFields(statement.pattern).map(({ value }) => value), statement.subject];
    case "Step":
      return present([statement.count, statement.until]);
    case "Wait":
      return [statement.subject];
    case "Advance":
      return [statement.duration];
    case "OnCpu":
      return [statement.cpu];
    case "Fail":
      return present([statement.nth]);
    case "Expression":
      return [statement.expression];
    default:
      return NO_EXPRESSIONS;
  }
}

function present(expressions: readonly (Expression | null)[]): readonly Expression[] {
  return expressions.filter((expression) => expression !== null);
}

/**
 * Looks at an expression and everything inside it, as long as the answer is no; what stands in a
 * block, such as that of a `trace`, is not inside it.
 *
 * Files of ten thousand lines have a hundred thousand of these: a walk makes no garbage.
 */
export function someExpression(
  expression: Expression,
  test: (expression: Expression) => boolean,
): boolean {
  if (test(expression)) return true;
  switch (expression.kind) {
    case "String":
      for (const part of expression.parts) {
        if (typeof part !== "string" && someExpression(part, test)) return true;
      }
      return false;
    case "List":
      for (const item of expression.items) if (someExpression(item, test)) return true;
      return false;
    case "Record":
      for (const { value } of expression.entries) if (someExpression(value, test)) return true;
      return false;
    case "Lambda":
      return someExpression(expression.body, test);
    case "Unary":
    case "Try":
    case "Cast":
      return someExpression(expression.operand, test);
    case "Binary":
      return someExpression(expression.left, test) || someExpression(expression.right, test);
    case "Range":
      return someExpression(expression.first, test) || someExpression(expression.last, test);
    case "Call":
      if (someExpression(expression.callee, test)) return true;
      for (const { value } of expression.arguments) if (someExpression(value, test)) return true;
      return false;
    case "Index":
      return someExpression(expression.object, test) || someExpression(expression.index, test);
    case "Field":
      return someExpression(expression.object, test);
    default:
      return false;
  }
}

/** The blocks in a statement's expressions: of `trace`, `fork`, `race` and `compare`. */
export function expressionBlocks(statement: Statement): readonly Block[] {
  let blocks: Block[] | null = null;
  for (const expression of statementExpressions(statement)) {
    someExpression(expression, (inner) => {
      if (inner.kind === "Trace" || inner.kind === "Compare") (blocks ??= []).push(inner.body);
      else if (inner.kind === "Fork" || inner.kind === "Race") {
        (blocks ??= []).push(...inner.branches);
      }
      return false;
    });
  }
  return blocks ?? NO_BLOCKS;
}

/** Every `compare` in a statement, wherever it stands in it. */
export function comparisonsIn(statement: Statement): readonly CompareExpression[] {
  const found: CompareExpression[] = [];
  addComparisons(statement, found);
  return found;
}

function addComparisons(statement: Statement, found: CompareExpression[]): void {
  for (const expression of statementExpressions(statement)) {
    someExpression(expression, (inner) => {
      if (inner.kind === "Compare") found.push(inner);
      return false;
    });
  }
  for (const blocks of [innerBlocks(statement), expressionBlocks(statement)]) {
    for (const block of blocks) for (const inner of block.statements) addComparisons(inner, found);
  }
}

/** True when a statement's own expressions call something or let the machine run. */
export function callsSomething(statement: Statement): boolean {
  if (["Step", "Wait", "Advance"].includes(statement.kind)) return true;
  return statementExpressions(statement).some((expression) => someExpression(expression, isCall));
}

function isCall({ kind }: Expression): boolean {
  return kind === "Call";
}

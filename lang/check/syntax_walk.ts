/** Walks over the syntax tree: what is directly inside what. */
import type {
  Block,
  CompareExpression,
  EventPattern,
  Expression,
  PatternEvent,
  PatternField,
  Statement,
} from "../syntax/ast.ts";

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
export function* patternFields(pattern: EventPattern): Generator<PatternField> {
  for (const event of patternEvents(pattern)) yield* event.fields;
}

/** The blocks a statement consists of; those of `trace`, `fork` and `compare` belong to expressions. */
export function* innerBlocks(statement: Statement): Generator<Block> {
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
      yield statement.body;
      return;
    case "Bench":
      if (statement.setup !== null) yield statement.setup;
      yield statement.loop;
      return;
    case "If":
      yield statement.then;
      if (statement.otherwise === null) return;
      if ("kind" in statement.otherwise) yield* innerBlocks(statement.otherwise);
      else yield statement.otherwise;
      return;
    case "Match":
      for (const arm of statement.arms) yield arm.body;
      return;
  }
}

/** The expressions a statement consists of, those of its blocks aside. */
export function* statementExpressions(statement: Statement): Generator<Expression> {
  switch (statement.kind) {
    case "Const":
    case "Let":
    case "Assign":
    case "Output":
      yield statement.value;
      return;
    case "Property":
      for (const binding of statement.forall) yield binding.values;
      return;
    case "Bench":
      for (const budget of statement.budgets) yield budget.condition;
      return;
    case "If":
      yield statement.condition;
      if (statement.otherwise !== null && "kind" in statement.otherwise) {
        yield* statementExpressions(statement.otherwise);
      }
      return;
    case "While":
      yield statement.condition;
      return;
    case "For":
      yield statement.values;
      return;
    case "Repeat":
      yield statement.count;
      return;
    case "Match":
      yield statement.subject;
      for (const arm of statement.arms) if (arm.pattern !== null) yield arm.pattern;
      return;
    case "Return":
      if (statement.value !== null) yield statement.value;
      return;
    case "Assert":
      yield statement.condition;
      if (statement.message !== null) yield statement.message;
      return;
    case "ExpectEvents":
      for (const field of patternFields(statement.pattern)) yield field.value;
      yield statement.subject;
      return;
    case "Step":
      if (statement.count !== null) yield statement.count;
      if (statement.until !== null) yield statement.until;
      return;
    case "Wait":
      yield statement.subject;
      return;
    case "Advance":
      yield statement.duration;
      return;
    case "OnCpu":
      yield statement.cpu;
      return;
    case "Fail":
      if (statement.nth !== null) yield statement.nth;
      return;
    case "Invariant":
      yield statement.condition;
      return;
    case "Expression":
      yield statement.expression;
      return;
  }
}

/** The expressions directly inside one; what stands in a block, such as that of a `trace`, is not. */
function* childExpressions(expression: Expression): Generator<Expression> {
  switch (expression.kind) {
    case "String":
      for (const part of expression.parts) if (typeof part !== "string") yield part;
      return;
    case "List":
      yield* expression.items;
      return;
    case "Record":
      for (const entry of expression.entries) yield entry.value;
      return;
    case "Lambda":
      yield expression.body;
      return;
    case "Unary":
    case "Try":
    case "Cast":
      yield expression.operand;
      return;
    case "Binary":
      yield expression.left;
      yield expression.right;
      return;
    case "Range":
      yield expression.first;
      yield expression.last;
      return;
    case "Call":
      yield expression.callee;
      for (const argument of expression.arguments) yield argument.value;
      return;
    case "Index":
      yield expression.object;
      yield expression.index;
      return;
    case "Field":
      yield expression.object;
      return;
  }
}

/** An expression and everything inside it. */
export function* expressionTree(expression: Expression): Generator<Expression> {
  yield expression;
  for (const child of childExpressions(expression)) yield* expressionTree(child);
}

/** The blocks in a statement's expressions: of `trace`, `fork` and `compare`. */
export function* expressionBlocks(statement: Statement): Generator<Block> {
  for (const expression of statementExpressions(statement)) {
    for (const inner of expressionTree(expression)) {
      if (inner.kind === "Trace" || inner.kind === "Compare") yield inner.body;
      else if (inner.kind === "Fork" || inner.kind === "Race") yield* inner.branches;
    }
  }
}

/** Every `compare` in a statement, wherever it stands in it. */
export function* comparisonsIn(statement: Statement): Generator<CompareExpression> {
  for (const expression of statementExpressions(statement)) {
    for (const inner of expressionTree(expression)) if (inner.kind === "Compare") yield inner;
  }
  for (const block of [...innerBlocks(statement), ...expressionBlocks(statement)]) {
    for (const inner of block.statements) yield* comparisonsIn(inner);
  }
}

/** True when a statement's own expressions call something or let the machine run. */
export function callsSomething(statement: Statement): boolean {
  if (["Step", "Wait", "Advance"].includes(statement.kind)) return true;
  for (const expression of statementExpressions(statement)) {
    for (const inner of expressionTree(expression)) if (inner.kind === "Call") return true;
  }
  return false;
}

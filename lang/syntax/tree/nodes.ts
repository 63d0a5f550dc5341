/**
 * The table of the tree's nodes: a row for each kind of statement and of expression, with the node
 * that the parser fills, its direct parts, and its properties. The parser and the passes over the
 * tree read them here. Therefore a new kind is only a new row, and no pass can forget it. The types
 * of the nodes are in `ast.ts`.
 */
import type { Span } from "../../source.ts";
import type * as ast from "./ast.ts";
import type { Block, Expression, Statement } from "./ast.ts";
import { machineLets, registersOf } from "./machine_entries.ts";
import { patternFields } from "./pattern_events.ts";

// -- Parts that are missing ---------------------------------------------------------------------

/**
 * The placeholder for the span of a node's part. A part that still has this span is missing in the
 * text.
 */
export const NO_SPAN = {} as Span;
export const NO_NAME: ast.Name = { text: "", span: NO_SPAN };
export const NO_VALUE: Expression = { kind: "ErrorExpression", span: NO_SPAN };
export const NO_PATTERN: ast.EventPattern = { kind: "Gap", span: NO_SPAN };
export const NO_BLOCK: Block = { statements: [], span: NO_SPAN };
export const NONE: readonly never[] = [];

/** Parts that several kinds have. */
export const HEADED = { body: NO_BLOCK, span: NO_SPAN };
const NAMED = { name: "", nameSpan: NO_SPAN, span: NO_SPAN };
const CASE = { ...NAMED, skip: false, modifiers: NONE, table: null };
const FILE_PATH = { path: "", pathSpan: NO_SPAN, span: NO_SPAN };
const BRANCH = { condition: NO_VALUE, then: NO_BLOCK, otherwise: null, span: NO_SPAN };
/** The parts of a bench that its block has, besides the loop. */
export const BENCH_PARTS = {
  setup: null,
  count: null,
  teardown: null,
  budgets: NONE,
  baseline: null,
  expectations: NONE,
};

// -- Rows ---------------------------------------------------------------------------------------

/** The member of a union of nodes that has the kind `K`. */
type OfKind<N extends { readonly kind: string }, K> = N extends unknown
  ? K extends N["kind"] ? N : never
  : never;

/** The role of a statement. */
type Role =
  /** A declaration: it is not run, and other files may use it. */
  | "declaration"
  /** The statement is run on a separate machine. */
  | "case"
  /** The statement's block is repeated, and `break` ends the repetition. */
  | "loop"
  /** The statement makes the machine run. */
  | "machine"
  | "plain";

/** If a row has no function for a part, nodes of its kind have no such part. */
interface Row<N> {
  /**
   * Makes the node with placeholders, which the parser replaces in the order of the text. Absent
   * where the parser makes the node from all of its parts. A new literal is many times faster than
   * a copy.
   */
  empty?(): N;
}

interface StatementRow<S> extends Row<S> {
  readonly role: Role;
  /** The statement's expressions outside its blocks. */
  expressions?(statement: S): readonly Expression[];
  /** The statement's blocks; the blocks of `trace`, `fork` and `compare` belong to expressions. */
  blocks?(statement: S): readonly Block[];
  /**
   * Why the code after the statement is never reached, as the end of a sentence; null if it may be
   * reached.
   */
  exitKind?(statement: S): string | null;
}

type Test = (child: Expression) => boolean;

interface ExpressionRow<E> extends Row<E> {
  /**
   * Calls `test` for the direct parts, until it returns true for a part. Files of ten thousand
   * lines have a hundred thousand expressions, so this does not build lists.
   */
  some?(expression: E, test: Test): boolean;
  blocks?(expression: E): readonly Block[];
  /** The expression before the last suffix: `f` in `f(x)`. */
  object?(expression: E): Expression;
}

type StatementRows = {
  readonly [K in Statement["kind"]]: StatementRow<OfKind<Statement, K>>;
};
type ExpressionRows = {
  readonly [K in Expression["kind"]]: ExpressionRow<OfKind<Expression, K>>;
};

const leavesBlock = (word: string) => () => `\`${word}\` leaves the block before it`;
const blocks = ({ body }: { readonly body: Block }) => [body];
const itsValue = ({ value }: { readonly value: Expression }) => [value];
const itsCondition = ({ condition }: { readonly condition: Expression }) => [condition];
const itsObject = ({ object }: { readonly object: Expression }) => object;
const someOperand = ({ operand }: { readonly operand: Expression }, test: Test) => test(operand);
const ofTable = ({ table }: { readonly table: ast.CaseTable | null }) =>
  table === null ? NONE : [
    ...table.axes.map(({ values }) => values),
    ...table.nameParts.filter((part) => typeof part !== "string"),
  ];

// -- Statements ---------------------------------------------------------------------------------

export const STATEMENTS = {
  Use: {
    role: "declaration",
    empty: (): ast.UseDeclaration => ({ kind: "Use", path: "", pathSpan: NO_SPAN, span: NO_SPAN }),
  },
  Machine: {
    role: "declaration",
    empty: (): ast.MachineDeclaration => ({ kind: "Machine", entries: NONE, span: NO_SPAN }),
    expressions: (machine) => machineLets(machine).map(({ value }) => value),
    blocks: (machine) => registersOf(machine).map(({ register }) => register.handler.body),
  },
  Const: {
    role: "declaration",
    empty: (): ast.ConstDeclaration => ({
      kind: "Const",
      name: NO_NAME,
      value: NO_VALUE,
      span: NO_SPAN,
    }),
    expressions: itsValue,
  },
  Function: {
    role: "declaration",
    empty: (): ast.FunctionDeclaration => ({
      kind: "Function",
      name: NO_NAME,
      parameters: NONE,
      ...HEADED,
    }),
    blocks,
  },
  Test: {
    role: "case",
    empty: (): ast.TestDeclaration => ({ kind: "Test", ...CASE, body: NO_BLOCK }),
    expressions: ofTable,
    blocks,
  },
  Property: {
    role: "case",
    empty: (): ast.PropertyDeclaration => ({
      kind: "Property",
      ...CASE,
      forall: NONE,
      body: NO_BLOCK,
    }),
    expressions: (property) => [
      ...ofTable(property),
      ...property.forall.map(({ values }) => values),
    ],
    blocks,
  },
  Bench: {
    role: "case",
    empty: (): ast.BenchDeclaration => ({
      kind: "Bench",
      ...CASE,
      ...BENCH_PARTS,
      loop: NO_BLOCK,
    }),
    expressions: (bench) => [
      ...ofTable(bench),
      ...present(bench.count),
      ...[...bench.budgets, ...bench.expectations].map(({ condition }) => condition),
    ],
    blocks: ({ loop, setup, teardown }) =>
      [setup, loop, teardown].filter((block) => block !== null),
  },
  CDriver: {
    role: "declaration",
    empty: (): ast.CDriverDeclaration => ({
      kind: "CDriver",
      name: NO_NAME,
      ...FILE_PATH,
      entries: NONE,
    }),
  },
  Driver: {
    role: "case",
    empty: (): ast.DriverDeclaration => ({ kind: "Driver", ...NAMED, entries: NONE }),
    expressions: ({ entries }) => entries.map(({ value }) => value),
  },
  Let: {
    role: "plain",
    empty: (): ast.LetStatement => ({ kind: "Let", name: NO_NAME, value: NO_VALUE, span: NO_SPAN }),
    expressions: itsValue,
  },
  Assign: { role: "plain", expressions: itsValue },
  Change: { role: "plain", expressions: ({ place, value }) => [place, value] },
  If: {
    role: "plain",
    empty: (): ast.IfStatement => ({ kind: "If", ...BRANCH }),
    expressions: ({ condition, otherwise }) =>
      otherwise !== null && "kind" in otherwise
        ? [condition, ...statementExpressions(otherwise)]
        : [condition],
    blocks: ({ otherwise, then }) => {
      if (otherwise === null) return [then];
      return "kind" in otherwise ? [then, ...innerBlocks(otherwise)] : [then, otherwise];
    },
    exitKind: (statement) =>
      hasElse(statement) && innerBlocks(statement).every(leaves)
        ? "both branches of the `if` before it leave the block"
        : null,
  },
  While: {
    role: "loop",
    empty: (): ast.WhileStatement => ({ kind: "While", condition: NO_VALUE, ...HEADED }),
    expressions: itsCondition,
    blocks,
    exitKind: ({ body, condition }) =>
      condition.kind === "Boolean" && condition.value && !breaksOut(body)
        ? "the loop before it never ends"
        : null,
  },
  For: {
    role: "loop",
    empty: (): ast.ForStatement => ({ kind: "For", name: NO_NAME, values: NO_VALUE, ...HEADED }),
    expressions: ({ values }) => [values],
    blocks,
  },
  Repeat: {
    role: "loop",
    empty: (): ast.RepeatStatement => ({ kind: "Repeat", count: NO_VALUE, ...HEADED }),
    expressions: ({ count }) => [count],
    blocks,
  },
  Match: {
    role: "plain",
    empty: (): ast.MatchStatement => ({
      kind: "Match",
      subject: NO_VALUE,
      arms: NONE,
      span: NO_SPAN,
    }),
    expressions: ({ arms, subject }) => [
      subject,
      ...arms.flatMap(({ pattern }) => pattern ?? NONE),
    ],
    blocks: ({ arms }) => arms.map(({ body }) => body),
    exitKind: ({ arms }) =>
      arms.some(({ pattern }) => pattern === null) && arms.every(({ body }) => leaves(body))
        ? "every arm of the `match` before it leaves the block"
        : null,
  },
  Return: {
    role: "plain",
    empty: (): ast.ReturnStatement => ({ kind: "Return", value: null, span: NO_SPAN }),
    expressions: ({ value }) => present(value),
    exitKind: leavesBlock("return"),
  },
  Break: { role: "plain", exitKind: leavesBlock("break") },
  Continue: { role: "plain", exitKind: leavesBlock("continue") },
  Assert: {
    role: "plain",
    empty: (): ast.AssertStatement => ({
      kind: "Assert",
      condition: NO_VALUE,
      message: null,
      span: NO_SPAN,
    }),
    expressions: ({ condition, message }) => present(condition, message),
  },
  ExpectOutcome: { role: "plain", blocks },
  ExpectEvents: {
    role: "plain",
    empty: (): ast.ExpectEventsStatement => ({
      kind: "ExpectEvents",
      pattern: NO_PATTERN,
      subject: NO_VALUE,
      span: NO_SPAN,
    }),
    expressions: ({ pattern, subject }) => [
      ...patternFields(pattern).map(({ value }) => value),
      subject,
    ],
  },
  Step: {
    role: "machine",
    empty: (): ast.StepStatement => ({ kind: "Step", count: null, until: null, span: NO_SPAN }),
    expressions: ({ count, until }) => present(count, until),
  },
  Wait: {
    role: "machine",
    empty: (): ast.WaitStatement => ({ kind: "Wait", subject: NO_VALUE, span: NO_SPAN }),
    expressions: ({ subject }) => [subject],
  },
  Advance: {
    role: "machine",
    empty: (): ast.AdvanceStatement => ({ kind: "Advance", duration: NO_VALUE, span: NO_SPAN }),
    expressions: ({ duration }) => [duration],
  },
  OnCpu: {
    role: "plain",
    empty: (): ast.OnCpuStatement => ({ kind: "OnCpu", cpu: NO_VALUE, ...HEADED }),
    expressions: ({ cpu }) => [cpu],
    blocks,
    exitKind: ({ body }) => leaves(body) ? "the block of `on cpu` before it leaves this one" : null,
  },
  Fail: {
    role: "plain",
    empty: (): ast.FailStatement => ({
      kind: "Fail",
      verb: "inject",
      meanwhile: null,
      point: null,
      nth: null,
      error: null,
      ...HEADED,
    }),
    expressions: ({ nth }) => present(nth),
    blocks: ({ body, meanwhile }) => meanwhile === null ? [body] : [body, meanwhile],
  },
  Invariant: {
    role: "plain",
    empty: (): ast.InvariantStatement => ({
      kind: "Invariant",
      name: "",
      condition: NO_VALUE,
      span: NO_SPAN,
    }),
    expressions: itsCondition,
  },
  Output: {
    role: "plain",
    empty: (): ast.OutputStatement => ({
      kind: "Output",
      verb: "print",
      value: NO_VALUE,
      span: NO_SPAN,
    }),
    expressions: itsValue,
  },
  Expression: { role: "plain", expressions: ({ expression }) => [expression] },
  ErrorStatement: {
    role: "plain",
    empty: (): ast.ErrorStatement => ({ kind: "ErrorStatement", span: NO_SPAN }),
  },
} satisfies StatementRows;

// -- Expressions --------------------------------------------------------------------------------

export const EXPRESSIONS = {
  Integer: {},
  Ratio: {},
  Size: {},
  Duration: {},
  String: {
    some: ({ parts }, test) => parts.some((part) => typeof part !== "string" && test(part)),
  },
  Bytes: {},
  Boolean: {},
  None: {},
  Name: {},
  List: {
    empty: (): ast.ListExpression => ({ kind: "List", items: NONE, span: NO_SPAN }),
    some: ({ items }, test) => items.some(test),
  },
  Record: {
    empty: (): ast.RecordExpression => ({ kind: "Record", entries: NONE, span: NO_SPAN }),
    some: ({ entries }, test) => someValue(entries, test),
  },
  Lambda: {
    empty: (): ast.LambdaExpression => ({
      kind: "Lambda",
      parameters: NONE,
      body: NO_VALUE,
      span: NO_SPAN,
    }),
    some: ({ body }, test) => test(body),
  },
  Unary: { some: someOperand },
  Try: { some: someOperand },
  Binary: { some: ({ left, right }, test) => test(left) || test(right) },
  Range: { some: ({ first, last }, test) => test(first) || test(last) },
  Cast: { some: someOperand, object: ({ operand }) => operand },
  Call: {
    empty: (): ast.CallExpression => ({
      kind: "Call",
      callee: NO_VALUE,
      arguments: NONE,
      span: NO_SPAN,
    }),
    some: (call, test) => test(call.callee) || someValue(call.arguments, test),
    object: ({ callee }) => callee,
  },
  Index: { some: ({ index, object }, test) => test(object) || test(index), object: itsObject },
  Field: { some: ({ object }, test) => test(object), object: itsObject },
  CopyWith: {
    some: ({ entries, object }, test) => test(object) || someValue(entries, test),
    object: itsObject,
  },
  IfValue: {
    some: ({ condition, otherwise, then }, test) =>
      test(condition) || test(then) || test(otherwise),
  },
  MatchValue: {
    empty: (): ast.MatchExpression => ({
      kind: "MatchValue",
      subject: NO_VALUE,
      arms: NONE,
      span: NO_SPAN,
    }),
    some: ({ arms, subject }, test) =>
      test(subject) ||
      arms.some(({ pattern, value }) => pattern !== null && test(pattern) || test(value)),
  },
  Trace: { blocks },
  Compare: {
    empty: (): ast.CompareExpression => ({
      kind: "Compare",
      entries: NONE,
      body: NO_BLOCK,
      span: NO_SPAN,
    }),
    blocks,
  },
  Fork: {
    empty: (): ast.BranchesExpression => ({ kind: "Fork", branches: NONE, span: NO_SPAN }),
    blocks: ({ branches }) => branches,
  },
  Race: { blocks: ({ branches }) => branches },
  ErrorExpression: {},
} satisfies ExpressionRows;

// -- Parts of nodes -----------------------------------------------------------------------------

/** Parts that are filled as nodes are; the rows of their nodes know what is in them. */
export const PARTS = {
  Block: (): Block => ({ statements: NONE, span: NO_SPAN }),
  MatchArm: (): ast.MatchArm => ({ pattern: NO_VALUE, ...HEADED }),
  ValueArm: (): ast.ValueArm => ({ pattern: NO_VALUE, value: NO_VALUE, span: NO_SPAN }),
  Argument: (): ast.Argument => ({ name: null, value: NO_VALUE, span: NO_SPAN }),
  RecordEntry: (): ast.RecordEntry => ({ key: NO_NAME, value: NO_VALUE, span: NO_SPAN }),
  PathEntry: (): ast.PathEntry => ({ path: NONE, value: NO_VALUE, span: NO_SPAN }),
  Modifier: (): ast.MachineModifier => ({ kind: "With", entries: NONE, span: NO_SPAN }),
  Binding: (): ast.ForallBinding => ({ name: NO_NAME, values: NO_VALUE, span: NO_SPAN }),
  Budget: (): ast.BenchBudget => ({ condition: NO_VALUE, perIteration: false, span: NO_SPAN }),
  Expectation: (): ast.BenchExpectation => ({ condition: NO_VALUE, span: NO_SPAN }),
  Sequence: (): ast.PatternSequence => ({ kind: "Sequence", items: NONE, span: NO_SPAN }),
} satisfies Readonly<Record<string, () => { readonly span: Span }>>;

// -- Reading the rows ---------------------------------------------------------------------------

export const STATEMENT_KINDS = Object.keys(STATEMENTS) as readonly Statement["kind"][];

function rowOf(statement: Statement): StatementRow<Statement> {
  return STATEMENTS[statement.kind] as StatementRow<Statement>;
}

/**
 * The rows of expressions with a function for each part: all have one shape, so that V8 reads them
 * quickly. A walk reads a row for each expression.
 */
const WALKED = new Map(
  Object.entries(EXPRESSIONS).map(([kind, each]) => {
    const row = each as ExpressionRow<Expression>;
    const { some = () => false, blocks = () => NONE, object = () => null } = row;
    return [kind, { some, blocks, object }] as const;
  }),
);

export function roleOf(statement: Statement): Role {
  return STATEMENTS[statement.kind].role;
}

/** Whether an item of a file's top level is not a statement. */
export function isDeclaration(statement: Statement): boolean {
  const role = roleOf(statement);
  return role === "declaration" || role === "case";
}

/** The expressions of a statement, without those in its blocks. */
export function statementExpressions(statement: Statement): readonly Expression[] {
  return rowOf(statement).expressions?.(statement) ?? NONE;
}

/** The blocks of a statement; blocks of `trace`, `fork` and `compare` belong to expressions. */
export function innerBlocks(statement: Statement): readonly Block[] {
  return rowOf(statement).blocks?.(statement) ?? NONE;
}

/** Why the code after a statement in the same block is never reached; null if it may be reached. */
export function exitKind(statement: Statement): string | null {
  return rowOf(statement).exitKind?.(statement) ?? null;
}

/**
 * Calls `test` for the direct parts of an expression, until `test` returns true for a part.
 * Statements of a block inside it, such as those of a `trace`, are not included.
 */
export function someChild(expression: Expression, test: Test): boolean {
  return WALKED.get(expression.kind)!.some(expression, test);
}

/** The blocks of an expression: of `trace`, `fork`, `race` and `compare`. */
export function blocksOf(expression: Expression): readonly Block[] {
  return WALKED.get(expression.kind)!.blocks(expression);
}

/**
 * The expression before the last suffix: `f` in `f(x)`; null for an expression without a suffix.
 */
export function objectOf(expression: Expression): Expression | null {
  return WALKED.get(expression.kind)!.object(expression);
}

function present(...expressions: readonly (Expression | null)[]): readonly Expression[] {
  return expressions.filter((expression) => expression !== null);
}

function someValue(entries: readonly { readonly value: Expression }[], test: Test): boolean {
  for (const { value } of entries) if (test(value)) return true;
  return false;
}

function leaves({ statements }: Block): boolean {
  return statements.some((statement) => exitKind(statement) !== null);
}

function hasElse({ otherwise }: ast.IfStatement): boolean {
  return otherwise !== null && (!("kind" in otherwise) || hasElse(otherwise));
}

/** Whether a block contains a `break` of the loop around it. */
function breaksOut({ statements }: Block): boolean {
  return statements.some((statement) =>
    statement.kind === "Break" ||
    roleOf(statement) !== "loop" && innerBlocks(statement).some(breaksOut)
  );
}

/**
 * Properties of each kind of statement. The passes over the tree read them here. Therefore a new
 * kind of statement is only a new row, and no pass can forget it.
 */
import type { Block, CaseTable, Expression, Statement } from "./ast.ts";
import { machineLets, registersOf } from "./machine_entries.ts";
import { patternFields } from "./pattern_events.ts";

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

/**
 * The properties of a kind. If a row has no function for an optional part, statements of its kind
 * have no such part.
 */
interface StatementKind<S extends Statement> {
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

type StatementTag = Statement["kind"];

const NOTHING: readonly never[] = [];
const leavesBlock = (word: string) => () => `\`${word}\` leaves the block before it`;
const blocks = ({ body }: { readonly body: Block }) => [body];
const itsValue = ({ value }: { readonly value: Expression }) => [value];
const ofTable = ({ table }: { readonly table: CaseTable | null }) =>
  table === null ? NOTHING : [
    ...table.axes.map(({ values }) => values),
    ...table.nameParts.filter((part) => typeof part !== "string"),
  ];
const itsCondition = ({ condition }: { readonly condition: Expression }) => [condition];

const KINDS: { readonly [K in StatementTag]: StatementKind<Extract<Statement, { kind: K }>> } = {
  Use: { role: "declaration" },
  Machine: {
    role: "declaration",
    expressions: (machine) => machineLets(machine).map(({ value }) => value),
    blocks: (machine) => registersOf(machine).map(({ register }) => register.handler.body),
  },
  Const: { role: "declaration", expressions: itsValue },
  Function: { role: "declaration", blocks },
  Test: {
    role: "case",
    expressions: ofTable,
    blocks,
  },
  Property: {
    role: "case",
    expressions: (property) => [
      ...ofTable(property),
      ...property.forall.map(({ values }) => values),
    ],
    blocks,
  },
  Bench: {
    role: "case",
    expressions: (bench) => [
      ...ofTable(bench),
      ...present(bench.count),
      ...[...bench.budgets, ...bench.expectations].map(({ condition }) => condition),
    ],
    blocks: ({ loop, setup, teardown }) =>
      [setup, loop, teardown].filter((block) => block !== null),
  },
  CDriver: { role: "declaration" },
  Driver: { role: "case", expressions: ({ entries }) => entries.map(({ value }) => value) },
  Let: { role: "plain", expressions: itsValue },
  Assign: { role: "plain", expressions: itsValue },
  Change: { role: "plain", expressions: ({ place, value }) => [place, value] },
  If: {
    role: "plain",
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
    expressions: itsCondition,
    blocks,
    exitKind: ({ body, condition }) =>
      condition.kind === "Boolean" && condition.value && !breaksOut(body)
        ? "the loop before it never ends"
        : null,
  },
  For: { role: "loop", expressions: ({ values }) => [values], blocks },
  Repeat: { role: "loop", expressions: ({ count }) => [count], blocks },
  Match: {
    role: "plain",
    expressions: ({ arms, subject }) => [
      subject,
      ...arms.flatMap(({ pattern }) => pattern ?? NOTHING),
    ],
    blocks: ({ arms }) => arms.map(({ body }) => body),
    exitKind: ({ arms }) =>
      arms.some(({ pattern }) => pattern === null) && arms.every(({ body }) => leaves(body))
        ? "every arm of the `match` before it leaves the block"
        : null,
  },
  Return: {
    role: "plain",
    expressions: ({ value }) => present(value),
    exitKind: leavesBlock("return"),
  },
  Break: { role: "plain", exitKind: leavesBlock("break") },
  Continue: { role: "plain", exitKind: leavesBlock("continue") },
  Assert: { role: "plain", expressions: ({ condition, message }) => present(condition, message) },
  ExpectOutcome: { role: "plain", blocks },
  ExpectEvents: {
    role: "plain",
    expressions: ({ pattern, subject }) => [
      ...patternFields(pattern).map(({ value }) => value),
      subject,
    ],
  },
  Step: { role: "machine", expressions: ({ count, until }) => present(count, until) },
  Wait: { role: "machine", expressions: ({ subject }) => [subject] },
  Advance: { role: "machine", expressions: ({ duration }) => [duration] },
  OnCpu: {
    role: "plain",
    expressions: ({ cpu }) => [cpu],
    blocks,
    exitKind: ({ body }) => leaves(body) ? "the block of `on cpu` before it leaves this one" : null,
  },
  Fail: {
    role: "plain",
    expressions: ({ nth }) => present(nth),
    blocks: ({ body, meanwhile }) => meanwhile === null ? [body] : [body, meanwhile],
  },
  Invariant: { role: "plain", expressions: itsCondition },
  Output: { role: "plain", expressions: itsValue },
  Expression: { role: "plain", expressions: ({ expression }) => [expression] },
  ErrorStatement: { role: "plain" },
};

export const STATEMENT_KINDS = Object.keys(KINDS) as readonly StatementTag[];

function rowOf(statement: Statement): StatementKind<Statement> {
  return KINDS[statement.kind] as StatementKind<Statement>;
}

export function roleOf(statement: Statement): Role {
  return KINDS[statement.kind].role;
}

/** Whether an item of a file's top level is not a statement. */
export function isDeclaration(statement: Statement): boolean {
  const role = roleOf(statement);
  return role === "declaration" || role === "case";
}

/** The expressions of a statement, without those in its blocks. */
export function statementExpressions(statement: Statement): readonly Expression[] {
  return rowOf(statement).expressions?.(statement) ?? NOTHING;
}

/** The blocks of a statement; blocks of `trace`, `fork` and `compare` belong to expressions. */
export function innerBlocks(statement: Statement): readonly Block[] {
  return rowOf(statement).blocks?.(statement) ?? NOTHING;
}

/** Why the code after a statement in the same block is never reached; null if it may be reached. */
export function exitKind(statement: Statement): string | null {
  return rowOf(statement).exitKind?.(statement) ?? null;
}

function present(...expressions: readonly (Expression | null)[]): readonly Expression[] {
  return expressions.filter((expression) => expression !== null);
}

function leaves({ statements }: Block): boolean {
  return statements.some((statement) => exitKind(statement) !== null);
}

function hasElse({ otherwise }: Extract<Statement, { kind: "If" }>): boolean {
  return otherwise !== null && (!("kind" in otherwise) || hasElse(otherwise));
}

/** Whether a block contains a `break` of the loop around it. */
function breaksOut({ statements }: Block): boolean {
  return statements.some((statement) =>
    statement.kind === "Break" ||
    roleOf(statement) !== "loop" && innerBlocks(statement).some(breaksOut)
  );
}

/**
 * The syntax tree of a `.dma` file, with a span on every node.
 *
 * The tree covers the whole language. A node never lacks a part: after an error, the parser puts an
 * `ErrorExpression` or an `ErrorStatement` into the tree, and a file with such nodes is never run.
 */
import type { Span } from "../../source.ts";

interface Node {
  readonly span: Span;
}

/** A node with its kind and the given parts. */
type Tagged<K extends string, P = unknown> = Node & { readonly kind: K } & Readonly<P>;

/** A word in the text, used as a name. */
export interface Name extends Node {
  readonly text: string;
}

/** A whole file. */
export type FileNode = Tagged<"File", { items: readonly Statement[] }>;

// ---------------------------------------------------------------------------------------------
// Declarations. They are statements of the file's top level.

export type UseDeclaration = Tagged<"Use", { path: string; pathSpan: Span }>;
export type MachineDeclaration = Tagged<"Machine", { entries: readonly MachineEntry[] }>;

/** The contents of a machine block. */
export type MachineEntry = MachineSetting | MachineBlock | LetStatement | RegisterDeclaration;

/**
 * `on write 0x10 { … }` or `on write bar 2 0x10 { … }`, inside an endpoint: the handler of a write or read
 * of a register.
 */
export interface RegisterDeclaration extends Node {
  readonly kind: "Register";
  readonly access: RegisterAccess;
  /** The words before the offset. */
  readonly wordsSpan: Span;
  /** The number of the register's BAR; null for the BAR that the device's block lists first. */
  readonly bar: Expression | null;
  /** The register, by its offset in the BAR. */
  readonly offset: Expression;
  /**
   * The declaration's block as a function: with the written value as a parameter, or without
   * parameters.
   */
  readonly handler: FunctionDeclaration;
}

export type RegisterAccess = "read" | "write";

export type MachineSetting = Tagged<"Setting", { key: Name; value: Expression }>;

export type MachineBlock = Tagged<
  "Block",
  { keyword: Name; name: Name | null; entries: readonly MachineEntry[] }
>;

export type ConstDeclaration = Tagged<"Const", { name: Name; value: Expression }>;

export type FunctionDeclaration = Tagged<
  "Function",
  { name: Name; parameters: readonly Name[]; body: Block }
>;

/** `with { … }` or `matrix { … }` after a test's name. */
export type MachineModifier = Tagged<"With" | "Matrix", { entries: readonly PathEntry[] }>;

/** `iommu.mode = value`. */
export interface PathEntry extends Node {
  readonly path: readonly Name[];
  readonly value: Expression;
}

/** The parts before the block of a test, a property or a bench. */
interface CaseHead {
  name: string;
  nameSpan: Span;
  skip: boolean;
  modifiers: readonly MachineModifier[];
  table: CaseTable | null;
}

export type TestDeclaration = Tagged<"Test", CaseHead & { body: Block }>;

/**
 * `for size in sizes, depth in 1..=8` after the name of a test, a property or a bench. It makes one
 * test, property or bench for each combination of the values. A declaration without a `for` has
 * null instead.
 */
export interface CaseTable extends Node {
  readonly axes: readonly ForallBinding[];
  /** The names of the cases: alternating literal text and `{expr}` parts. */
  readonly nameParts: readonly (string | Expression)[];
}

/** `name in values` in a `for` after a name, and in a property's `forall`. */
export interface ForallBinding extends Node {
  readonly name: Name;
  readonly values: Expression;
}

export type PropertyDeclaration = Tagged<
  "Property",
  CaseHead & { forall: readonly ForallBinding[]; body: Block }
>;

/** `budget iotlb.sync <= 2 per iteration`. */
export interface BenchBudget extends Node {
  /** The comparison; event names are field accesses in it. */
  readonly condition: Expression;
  readonly perIteration: boolean;
}

/** `expect two_step.invalidations < 0.02 * single.invalidations`. */
export interface BenchExpectation extends Node {
  readonly condition: Expression;
}

export interface BenchDeclaration extends Node, Readonly<CaseHead> {
  readonly kind: "Bench";
  /** Runs once before the loop and shares its scope with the loop. */
  readonly setup: Block | null;
  readonly loop: Block;
  /** `loop 8`: the number of iterations; null if the bench decides. */
  readonly count: Expression | null;
  /** Runs once after the loop; sees what `setup` binds. */
  readonly teardown: Block | null;
  readonly budgets: readonly BenchBudget[];
  /**
   * `baseline = strict`: a value of an axis. Other cells are compared with the cells that have this
   * value.
   */
  readonly baseline: Expression | null;
  /**
   * `expect lazy.time < strict.time`: compares figures of cells. A value of an axis names the
   * cells.
   */
  readonly expectations: readonly BenchExpectation[];
}

/** `driver "name" { map = …, unmap = … }`. */
export type DriverDeclaration = Tagged<
  "Driver",
  { name: string; nameSpan: Span; entries: readonly PathEntry[] }
>;

/** `driver name = c "file.c"`, `driver name = c "file.c" { tree = "folder" }`. */
export type CDriverDeclaration = Tagged<
  "CDriver",
  { name: Name; path: string; pathSpan: Span; entries: readonly PathEntry[] }
>;

// ---------------------------------------------------------------------------------------------
// Statements

export interface Block extends Node {
  readonly statements: readonly Statement[];
}

export type LetStatement = Tagged<"Let", { name: Name; value: Expression }>;

export type AssignStatement = Tagged<
  "Assign",
  { target: Name; operator: "=" | "+="; value: Expression }
>;

/**
 * `ring.head = e`, `list[i] += e`: changes a list or record in place. The name still refers to the
 * same list or record.
 */
export type ChangeStatement = Tagged<
  "Change",
  {
    place: FieldExpression | IndexExpression;
    operator: "=" | "+=";
    operatorSpan: Span;
    value: Expression;
  }
>;

export interface IfStatement extends Node {
  readonly kind: "If";
  readonly condition: Expression;
  readonly then: Block;
  /** The `else` part; an `IfStatement` for `else if`. */
  readonly otherwise: Block | IfStatement | null;
}

export type WhileStatement = Tagged<"While", { condition: Expression; body: Block }>;
export type ForStatement = Tagged<"For", { name: Name; values: Expression; body: Block }>;
export type RepeatStatement = Tagged<"Repeat", { count: Expression; body: Block }>;
export type MatchStatement = Tagged<"Match", { subject: Expression; arms: readonly MatchArm[] }>;

export interface MatchArm extends Node {
  /** A literal, a constant's name, a range, or null for `_`. */
  readonly pattern: Expression | null;
  /** One statement, or the statements of a block. */
  readonly body: Block;
}

export type ReturnStatement = Tagged<"Return", { value: Expression | null }>;

export type AssertStatement = Tagged<
  "Assert",
  { condition: Expression; message: Expression | null }
>;

export type OutcomeKind = "error" | "fault" | "warning";

/** `CALL fails EINVAL`, `CALL faults not_present`, `CALL warns unmap_size`. */
export interface ExpectedOutcome extends Node {
  readonly outcome: OutcomeKind;
  readonly code: Name;
}

/** `expect events [ … ] in x`. */
export type ExpectEventsStatement = Tagged<
  "ExpectEvents",
  { pattern: EventPattern; subject: Expression }
>;

export type StepStatement = Tagged<"Step", { count: Expression | null; until: Expression | null }>;
export type WaitStatement = Tagged<"Wait", { subject: Expression }>;
export type AdvanceStatement = Tagged<"Advance", { duration: Expression }>;
export type OnCpuStatement = Tagged<"OnCpu", { cpu: Expression; body: Block }>;

/**
 * `inject POINT { … }`, `inject dma_iova_link nth 3 with ENOMEM { … }`, `inject each { … }`,
 * `remove each { … } and { … }`, `unplug each { … }`.
 */
export interface FailStatement extends Node {
  readonly kind: "Fail";
  readonly verb: "inject" | "remove" | "unplug";
  /** The injection point's name, or null for `each`. */
  readonly point: Name | null;
  /** The block after `and`: the device's actions during a removal. */
  readonly meanwhile: Block | null;
  readonly nth: Expression | null;
  readonly error: Name | null;
  readonly body: Block;
}

export type InvariantStatement = Tagged<"Invariant", { name: string; condition: Expression }>;

/** `print e`, `show e`, `explain e`. */
export type OutputStatement = Tagged<
  "Output",
  { verb: "print" | "show" | "explain"; value: Expression }
>;

/** A call, or (in the REPL only) any expression, with its expected outcome. */
export type ExpressionStatement = Tagged<
  "Expression",
  { expression: Expression; expected: ExpectedOutcome | null }
>;

export type Statement =
  | UseDeclaration
  | MachineDeclaration
  | ConstDeclaration
  | FunctionDeclaration
  | TestDeclaration
  | PropertyDeclaration
  | BenchDeclaration
  | DriverDeclaration
  | CDriverDeclaration
  | LetStatement
  | AssignStatement
  | ChangeStatement
  | IfStatement
  | WhileStatement
  | ForStatement
  | RepeatStatement
  | MatchStatement
  | ReturnStatement
  | Tagged<"Break">
  | Tagged<"Continue">
  | AssertStatement
  /** `expect error EINVAL { … }`. */
  | Tagged<"ExpectOutcome", { expected: ExpectedOutcome; body: Block }>
  | ExpectEventsStatement
  | StepStatement
  | WaitStatement
  | AdvanceStatement
  | OnCpuStatement
  | FailStatement
  | InvariantStatement
  | OutputStatement
  | ExpressionStatement
  | ErrorStatement;

/** Text that could not be parsed. */
export type ErrorStatement = Tagged<"ErrorStatement">;

// ---------------------------------------------------------------------------------------------
// Event patterns

/** How often an item occurs: `*` is 0 to Infinity, `{2}` is 2 to 2. */
export interface RepeatCount {
  readonly min: number;
  readonly max: number;
}

export interface PatternEvent extends Node {
  readonly kind: "Event";
  /** Dotted name; ends in `.*` for all events with that prefix. */
  readonly name: string;
  readonly nameSpan: Span;
  readonly fields: readonly PatternField[];
}

export interface PatternField extends Node {
  readonly name: Name;
  readonly value: Expression;
}

/** Items one after the other: the whole pattern, or a group in parentheses. */
export type PatternSequence = Tagged<"Sequence", { items: readonly EventPattern[] }>;

export type EventPattern =
  | PatternEvent
  | PatternSequence
  /** `...`: any number of events with names that the pattern contains. */
  | Tagged<"Gap">
  | Tagged<"Alternatives", { choices: readonly EventPattern[] }>
  | Tagged<"Repeat", { item: EventPattern; times: RepeatCount }>
  /** `!name`: the event must not occur at all. Only at the top level. */
  | Tagged<"Absent", { event: PatternEvent }>;

// ---------------------------------------------------------------------------------------------
// Expressions

export type NameExpression = Tagged<"Name", { name: string }>;
export type ListExpression = Tagged<"List", { items: readonly Expression[] }>;
export type RecordExpression = Tagged<"Record", { entries: readonly RecordEntry[] }>;

export interface RecordEntry extends Node {
  readonly key: Name;
  readonly value: Expression;
}

export type LambdaExpression = Tagged<"Lambda", { parameters: readonly Name[]; body: Expression }>;

export type BinaryOperator =
  | "or"
  | "and"
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "|"
  | "&"
  | "<<"
  | ">>"
  | "+"
  | "-"
  | "*"
  | "/"
  | "%";

export type BinaryExpression = Tagged<
  "Binary",
  { operator: BinaryOperator; operatorSpan: Span; left: Expression; right: Expression }
>;

export interface Argument extends Node {
  readonly name: Name | null;
  readonly value: Expression;
}

export type CallExpression = Tagged<"Call", { callee: Expression; arguments: readonly Argument[] }>;
export type IndexExpression = Tagged<"Index", { object: Expression; index: Expression }>;
export type FieldExpression = Tagged<"Field", { object: Expression; field: Name }>;

/** `record with { key: value }`: a copy with other values for some entries. */
export type CopyWithExpression = Tagged<
  "CopyWith",
  { object: Expression; entries: readonly RecordEntry[] }
>;

/** `if e { a } else { b }` as a value. */
export interface IfExpression extends Node {
  readonly kind: "IfValue";
  readonly condition: Expression;
  readonly then: Expression;
  /** The `else` part; another `IfExpression` for `else if`. */
  readonly otherwise: Expression;
}

/** `match e { p => a, _ => b }` as a value. */
export type MatchExpression = Tagged<
  "MatchValue",
  { subject: Expression; arms: readonly ValueArm[] }
>;

export interface ValueArm extends Node {
  /** A literal, a constant's name, a range, or null for `_`. */
  readonly pattern: Expression | null;
  readonly value: Expression;
}

/** `trace { … }`: the events during the block, as a value. */
export type TraceExpression = Tagged<"Trace", { body: Block }>;

/** `compare { kernel = […] } { … }`. */
export type CompareExpression = Tagged<"Compare", { entries: readonly PathEntry[]; body: Block }>;

/** `fork { … } and { … }`, `race { … } and { … }`. */
export type BranchesExpression = Tagged<"Fork" | "Race", { branches: readonly Block[] }>;

/** Text that could not be parsed. */
export type ErrorExpression = Tagged<"ErrorExpression">;

export type Expression =
  | Tagged<"Integer", { value: number }>
  /** A decimal such as `1.5`: only for ratios. */
  | Tagged<"Ratio", { value: number }>
  | Tagged<"Size", { valueBytes: number }>
  | Tagged<"Duration", { valueNs: number }>
  /** Alternating literal text and `{expr}` parts. */
  | Tagged<"String", { parts: readonly (string | Expression)[] }>
  | Tagged<"Bytes", { bytes: Uint8Array }>
  | Tagged<"Boolean", { value: boolean }>
  | Tagged<"None">
  | NameExpression
  | ListExpression
  | RecordExpression
  | LambdaExpression
  | Tagged<"Unary", { operator: "not" | "-"; operand: Expression }>
  /** `try e`: a value with `.ok`, `.value`, `.error`. */
  | Tagged<"Try", { operand: Expression }>
  | BinaryExpression
  /** `inclusive` is true for `..=`. */
  | Tagged<"Range", { first: Expression; last: Expression; inclusive: boolean }>
  /** `e as dma`, `e as phys`. */
  | Tagged<"Cast", { operand: Expression; target: Name }>
  | CallExpression
  | IndexExpression
  | FieldExpression
  | CopyWithExpression
  | IfExpression
  | MatchExpression
  | TraceExpression
  | CompareExpression
  | BranchesExpression
  | ErrorExpression;

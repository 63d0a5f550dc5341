/**
 * The syntax tree: what a `.dma` file says, with a span on every node.
 *
 * The tree covers the whole language. A node never lacks a part: where the parser recovered from
 * an error the tree holds an `ErrorExpression` or an `ErrorStatement`, and a file with such nodes
 * is never run.
 */
import type { Span } from "../../source.ts";

interface Node {
  readonly span: Span;
}

/** A word in the text, used as a name. */
export interface Name extends Node {
  readonly text: string;
}

/** A whole file. */
export interface FileNode extends Node {
  readonly kind: "File";
  readonly items: readonly Statement[];
}

// ---------------------------------------------------------------------------------------------
// Declarations. They are statements of the file's top level.

export interface UseDeclaration extends Node {
  readonly kind: "Use";
  readonly path: string;
  readonly pathSpan: Span;
}

export interface MachineDeclaration extends Node {
  readonly kind: "Machine";
  readonly entries: readonly MachineEntry[];
}

/** What stands inside a machine block. */
export type MachineEntry = MachineSetting | MachineBlock | LetStatement | RegisterDeclaration;

/** `on write 0x10 { … }`, inside an endpoint: what it does when a register of its is written or read. */
export interface RegisterDeclaration extends Node {
  readonly kind: "Register";
  readonly access: RegisterAccess;
  /** The words before the offset. */
  readonly wordsSpan: Span;
  /** Which register: its offset in the window. */
  readonly offset: Expression;
  /** Its block as a function: of what is written, or of nothing. */
  readonly handler: FunctionDeclaration;
}

export type RegisterAccess = "read" | "write";

export interface MachineSetting extends Node {
  readonly kind: "Setting";
  readonly key: Name;
  readonly value: Expression;
}

export interface MachineBlock extends Node {
  readonly kind: "Block";
  readonly keyword: Name;
  readonly name: Name | null;
  readonly entries: readonly MachineEntry[];
}

export interface ConstDeclaration extends Node {
  readonly kind: "Const";
  readonly name: Name;
  readonly value: Expression;
}

export interface FunctionDeclaration extends Node {
  readonly kind: "Function";
  readonly name: Name;
  readonly parameters: readonly Name[];
  readonly body: Block;
}

/** `with { … }` or `matrix { … }` after a test's name. */
export interface MachineModifier extends Node {
  readonly kind: "With" | "Matrix";
  readonly entries: readonly PathEntry[];
}

/** `iommu.mode = value`. */
export interface PathEntry extends Node {
  readonly path: readonly Name[];
  readonly value: Expression;
}

export interface TestDeclaration extends Node {
  readonly kind: "Test";
  readonly name: string;
  readonly nameSpan: Span;
  readonly skip: boolean;
  readonly modifiers: readonly MachineModifier[];
  readonly table: CaseTable | null;
  readonly body: Block;
}

/**
 * `for size in sizes, depth in 1..=8` behind the name of a test, a property or a bench, which makes
 * one of each combination of the values; null where there is no `for`.
 */
export interface CaseTable extends Node {
  readonly axes: readonly ForallBinding[];
  /** Their names: literal text and `{expr}` parts by turns. */
  readonly nameParts: readonly (string | Expression)[];
}

/** `name in values` of a `for` behind a name, and of a property's `forall`. */
export interface ForallBinding extends Node {
  readonly name: Name;
  readonly values: Expression;
}

export interface PropertyDeclaration extends Node {
  readonly kind: "Property";
  readonly name: string;
  readonly nameSpan: Span;
  readonly skip: boolean;
  readonly modifiers: readonly MachineModifier[];
  readonly table: CaseTable | null;
  readonly forall: readonly ForallBinding[];
  readonly body: Block;
}

/** `budget iotlb.sync <= 2 per iteration`. */
export interface BenchBudget extends Node {
  /** The comparison; event names stand in it as field accesses. */
  readonly condition: Expression;
  readonly perIteration: boolean;
}

/** `expect two_step.invalidations < 0.02 * single.invalidations`. */
export interface BenchExpectation extends Node {
  readonly condition: Expression;
}

export interface BenchDeclaration extends Node {
  readonly kind: "Bench";
  readonly name: string;
  readonly nameSpan: Span;
  readonly skip: boolean;
  readonly modifiers: readonly MachineModifier[];
  readonly table: CaseTable | null;
  /** Runs once before the loop and shares its scope with it. */
  readonly setup: Block | null;
  readonly loop: Block;
  /** `loop 8`: how often it runs; null where the bench decides. */
  readonly count: Expression | null;
  /** Runs once after the loop; sees what `setup` binds. */
  readonly teardown: Block | null;
  readonly budgets: readonly BenchBudget[];
  /** `baseline = strict`: a value of an axis, which the others are compared with. */
  readonly baseline: Expression | null;
  /** `expect lazy.time < strict.time`: figures of cells by a value of an axis. */
  readonly expectations: readonly BenchExpectation[];
}

/** `driver "name" { map = …, unmap = … }`. */
export interface DriverDeclaration extends Node {
  readonly kind: "Driver";
  readonly name: string;
  readonly nameSpan: Span;
  readonly entries: readonly PathEntry[];
}

/** `driver name = c "file.c"`, `driver name = c "file.c" { tree = "folder" }`. */
export interface CDriverDeclaration extends Node {
  readonly kind: "CDriver";
  readonly name: Name;
  readonly path: string;
  readonly pathSpan: Span;
  readonly entries: readonly PathEntry[];
}

// ---------------------------------------------------------------------------------------------
// Statements

export interface Block extends Node {
  readonly statements: readonly Statement[];
}

export interface LetStatement extends Node {
  readonly kind: "Let";
  readonly name: Name;
  readonly value: Expression;
}

export interface AssignStatement extends Node {
  readonly kind: "Assign";
  readonly target: Name;
  readonly operator: "=" | "+=";
  readonly value: Expression;
}

/** `ring.head = e`, `list[i] += e`: changes what the list or record holds, not what a name means. */
export interface ChangeStatement extends Node {
  readonly kind: "Change";
  readonly place: FieldExpression | IndexExpression;
  readonly operator: "=" | "+=";
  readonly operatorSpan: Span;
  readonly value: Expression;
}

export interface IfStatement extends Node {
  readonly kind: "If";
  readonly condition: Expression;
  readonly then: Block;
  /** An `IfStatement` for `else if`. */
  readonly otherwise: Block | IfStatement | null;
}

export interface WhileStatement extends Node {
  readonly kind: "While";
  readonly condition: Expression;
  readonly body: Block;
}

export interface ForStatement extends Node {
  readonly kind: "For";
  readonly name: Name;
  readonly values: Expression;
  readonly body: Block;
}

export interface RepeatStatement extends Node {
  readonly kind: "Repeat";
  readonly count: Expression;
  readonly body: Block;
}

export interface MatchStatement extends Node {
  readonly kind: "Match";
  readonly subject: Expression;
  readonly arms: readonly MatchArm[];
}

export interface MatchArm extends Node {
  /** A literal, a constant's name, a range, or null for `_`. */
  readonly pattern: Expression | null;
  /** One statement or a block. */
  readonly body: Block;
}

export interface ReturnStatement extends Node {
  readonly kind: "Return";
  readonly value: Expression | null;
}

export interface BreakStatement extends Node {
  readonly kind: "Break";
}

export interface ContinueStatement extends Node {
  readonly kind: "Continue";
}

export interface AssertStatement extends Node {
  readonly kind: "Assert";
  readonly condition: Expression;
  readonly message: Expression | null;
}

export type OutcomeKind = "error" | "fault" | "warning";

/** `CALL fails EINVAL`, `CALL faults not_present`, `CALL warns unmap_size`. */
export interface ExpectedOutcome extends Node {
  readonly outcome: OutcomeKind;
  readonly code: Name;
}

/** `expect error EINVAL { … }`. */
export interface ExpectOutcomeStatement extends Node {
  readonly kind: "ExpectOutcome";
  readonly expected: ExpectedOutcome;
  readonly body: Block;
}

/** `expect events [ … ] in x`. */
export interface ExpectEventsStatement extends Node {
  readonly kind: "ExpectEvents";
  readonly pattern: EventPattern;
  readonly subject: Expression;
}

export interface StepStatement extends Node {
  readonly kind: "Step";
  readonly count: Expression | null;
  readonly until: Expression | null;
}

export interface WaitStatement extends Node {
  readonly kind: "Wait";
  readonly subject: Expression;
}

export interface AdvanceStatement extends Node {
  readonly kind: "Advance";
  readonly duration: Expression;
}

export interface OnCpuStatement extends Node {
  readonly kind: "OnCpu";
  readonly cpu: Expression;
  readonly body: Block;
}

/** `inject POINT { … }`, `inject dma_iova_link nth 3 with ENOMEM { … }`, `inject each { … }`. */
export interface FailStatement extends Node {
  readonly kind: "Fail";
  /** The injection point's name, or null for `each`. */
  readonly point: Name | null;
  readonly nth: Expression | null;
  readonly error: Name | null;
  readonly body: Block;
}

export interface InvariantStatement extends Node {
  readonly kind: "Invariant";
  readonly name: string;
  readonly condition: Expression;
}

/** `print e`, `show e`, `explain e`. */
export interface OutputStatement extends Node {
  readonly kind: "Output";
  readonly verb: "print" | "show" | "explain";
  readonly value: Expression;
}

/** A call, or (in the REPL only) any expression, with the outcome expected of it. */
export interface ExpressionStatement extends Node {
  readonly kind: "Expression";
  readonly expression: Expression;
  readonly expected: ExpectedOutcome | null;
}

/** What the parser could not make sense of. */
export interface ErrorStatement extends Node {
  readonly kind: "ErrorStatement";
}

export type Declaration =
  | UseDeclaration
  | MachineDeclaration
  | ConstDeclaration
  | FunctionDeclaration
  | TestDeclaration
  | PropertyDeclaration
  | BenchDeclaration
  | DriverDeclaration
  | CDriverDeclaration;

export type Statement =
  | Declaration
  | LetStatement
  | AssignStatement
  | ChangeStatement
  | IfStatement
  | WhileStatement
  | ForStatement
  | RepeatStatement
  | MatchStatement
  | ReturnStatement
  | BreakStatement
  | ContinueStatement
  | AssertStatement
  | ExpectOutcomeStatement
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

// ---------------------------------------------------------------------------------------------
// Event patterns

/** How often an item occurs: `*` is 0 to Infinity, `{2}` is 2 to 2. */
export interface RepeatCount {
  readonly min: number;
  readonly max: number;
}

export interface PatternEvent extends Node {
  readonly kind: "Event";
  /** Dotted name; ends in `.*` for any name below. */
  readonly name: string;
  readonly nameSpan: Span;
  readonly fields: readonly PatternField[];
}

export interface PatternField extends Node {
  readonly name: Name;
  readonly value: Expression;
}

/** `...`: any number of the events that the pattern looks at. */
export interface PatternGap extends Node {
  readonly kind: "Gap";
}

/** Items one after the other: the whole pattern, or a group in parentheses. */
export interface PatternSequence extends Node {
  readonly kind: "Sequence";
  readonly items: readonly EventPattern[];
}

export interface PatternAlternatives extends Node {
  readonly kind: "Alternatives";
  readonly choices: readonly EventPattern[];
}

export interface PatternRepeat extends Node {
  readonly kind: "Repeat";
  readonly item: EventPattern;
  readonly times: RepeatCount;
}

/** `!name`: does not occur at all. Only at the top level. */
export interface PatternAbsent extends Node {
  readonly kind: "Absent";
  readonly event: PatternEvent;
}

export type EventPattern =
  | PatternEvent
  | PatternGap
  | PatternSequence
  | PatternAlternatives
  | PatternRepeat
  | PatternAbsent;

// ---------------------------------------------------------------------------------------------
// Expressions

export interface IntegerLiteral extends Node {
  readonly kind: "Integer";
  readonly value: number;
}

/** A decimal such as `1.5`: only for ratios. */
export interface RatioLiteral extends Node {
  readonly kind: "Ratio";
  readonly value: number;
}

export interface SizeLiteral extends Node {
  readonly kind: "Size";
  readonly valueBytes: number;
}

export interface DurationLiteral extends Node {
  readonly kind: "Duration";
  readonly valueNs: number;
}

/** A string: literal text and `{expr}` parts by turns. */
export interface StringLiteral extends Node {
  readonly kind: "String";
  readonly parts: readonly (string | Expression)[];
}

export interface BytesLiteral extends Node {
  readonly kind: "Bytes";
  readonly bytes: Uint8Array;
}

export interface BooleanLiteral extends Node {
  readonly kind: "Boolean";
  readonly value: boolean;
}

export interface NoneLiteral extends Node {
  readonly kind: "None";
}

export interface NameExpression extends Node {
  readonly kind: "Name";
  readonly name: string;
}

export interface ListExpression extends Node {
  readonly kind: "List";
  readonly items: readonly Expression[];
}

export interface RecordExpression extends Node {
  readonly kind: "Record";
  readonly entries: readonly RecordEntry[];
}

export interface RecordEntry extends Node {
  readonly key: Name;
  readonly value: Expression;
}

export interface LambdaExpression extends Node {
  readonly kind: "Lambda";
  readonly parameters: readonly Name[];
  readonly body: Expression;
}

export interface UnaryExpression extends Node {
  readonly kind: "Unary";
  readonly operator: "not" | "-";
  readonly operand: Expression;
}

/** `try e`: a value with `.ok`, `.value`, `.error`. */
export interface TryExpression extends Node {
  readonly kind: "Try";
  readonly operand: Expression;
}

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

export interface BinaryExpression extends Node {
  readonly kind: "Binary";
  readonly operator: BinaryOperator;
  readonly operatorSpan: Span;
  readonly left: Expression;
  readonly right: Expression;
}

export interface RangeExpression extends Node {
  readonly kind: "Range";
  readonly first: Expression;
  readonly last: Expression;
  /** True for `..=`. */
  readonly inclusive: boolean;
}

/** `e as dma`, `e as phys`. */
export interface CastExpression extends Node {
  readonly kind: "Cast";
  readonly operand: Expression;
  readonly target: Name;
}

export interface Argument extends Node {
  readonly name: Name | null;
  readonly value: Expression;
}

export interface CallExpression extends Node {
  readonly kind: "Call";
  readonly callee: Expression;
  readonly arguments: readonly Argument[];
}

export interface IndexExpression extends Node {
  readonly kind: "Index";
  readonly object: Expression;
  readonly index: Expression;
}

export interface FieldExpression extends Node {
  readonly kind: "Field";
  readonly object: Expression;
  readonly field: Name;
}

/** `record with { key: value }`: a copy with other values for some entries. */
export interface CopyWithExpression extends Node {
  readonly kind: "CopyWith";
  readonly object: Expression;
  readonly entries: readonly RecordEntry[];
}

/** `if e { a } else { b }` as a value. */
export interface IfExpression extends Node {
  readonly kind: "IfValue";
  readonly condition: Expression;
  readonly then: Expression;
  /** Another `IfExpression` for `else if`. */
  readonly otherwise: Expression;
}

/** `match e { p => a, _ => b }` as a value. */
export interface MatchExpression extends Node {
  readonly kind: "MatchValue";
  readonly subject: Expression;
  readonly arms: readonly ValueArm[];
}

export interface ValueArm extends Node {
  /** A literal, a constant's name, a range, or null for `_`. */
  readonly pattern: Expression | null;
  readonly value: Expression;
}

/** `trace { … }`: the events the block caused, as a value. */
export interface TraceExpression extends Node {
  readonly kind: "Trace";
  readonly body: Block;
}

/** `compare { kernel = […] } { … }`. */
export interface CompareExpression extends Node {
  readonly kind: "Compare";
  readonly entries: readonly PathEntry[];
  readonly body: Block;
}

/** `fork { … } and { … }`, `race { … } and { … }`. */
export interface BranchesExpression extends Node {
  readonly kind: "Fork" | "Race";
  readonly branches: readonly Block[];
}

/** What the parser could not make sense of. */
export interface ErrorExpression extends Node {
  readonly kind: "ErrorExpression";
}

export type Expression =
  | IntegerLiteral
  | RatioLiteral
  | SizeLiteral
  | DurationLiteral
  | StringLiteral
  | BytesLiteral
  | BooleanLiteral
  | NoneLiteral
  | NameExpression
  | ListExpression
  | RecordExpression
  | LambdaExpression
  | UnaryExpression
  | TryExpression
  | BinaryExpression
  | RangeExpression
  | CastExpression
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

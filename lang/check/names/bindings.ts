/** The meaning of names: bindings, variables and scopes. */
import type { FunctionSpec, Type } from "../../values/spec.ts";
import type { Span } from "../../source.ts";
import type {
  AssignStatement,
  CallExpression,
  CompareExpression,
  ConstDeclaration,
  Expression,
  FailStatement,
  FunctionDeclaration,
  InvariantStatement,
  LambdaExpression,
  LetStatement,
  MachineDeclaration,
  Name,
  NameExpression,
  Statement,
  StepStatement,
} from "../../syntax/tree/ast.ts";
import type { PlacedRegister } from "../../syntax/tree/machine_entries.ts";
import type { ComparedMachine } from "../../values/machine_variant.ts";
import type { EnumValue, Value } from "../../values/value.ts";

/** Code inside other code, with a separate frame. */
export type ClosureNode =
  | LambdaExpression
  | CompareExpression
  | FailStatement
  | InvariantStatement
  | StepStatement;

/** A piece of code with a separate frame: a function, a lambda, a test's body. */
export interface CodeScope {
  readonly role:
    | "main"
    | "function"
    | "lambda"
    | "compare"
    | "until"
    | "test"
    | "property"
    | "bench"
    | "constant";
  /** The surrounding code of a closure; null for other code, which captures nothing. */
  readonly parent: CodeScope | null;
  /** Variables of the surrounding code that a closure uses, in the order of their first use. */
  readonly captures: Variable[];
}

/** A name bound by `let`, `for`, `forall` or a parameter. */
export class Variable {
  readonly kind = "variable";
  /** Assignments of further values: `x = e` and `x += e`. */
  readonly assigned: AssignStatement[] = [];
  /** How often the variable's value is used. */
  reads = 0;
  /** The location of the first use in a lambda; null if no lambda uses the variable. */
  capturedAt: Span | null = null;
  /**
   * The kind of all values of the variable, if the kind cannot be inferred from their expressions.
   */
  givenKind: Type | null = null;

  constructor(
    readonly name: string,
    readonly span: Span,
    /**
     * The code that created the variable. Null for a variable of a session or of a machine, because
     * it outlives that code.
     */
    readonly owner: CodeScope | null,
    readonly role: "let" | "machine" | "parameter" | "loop" | "forall",
    /**
     * The expression of the variable's value: for `let` the value itself, for a loop the list or
     * range.
     */
    readonly source: Expression | null,
  ) {}
}

/** A register with its BAR, null for the first one, and its offset in it, in bytes. */
export interface DescribedRegister extends PlacedRegister {
  readonly barNumber: number | null;
  readonly offsetBytes: number;
}

export interface MachineParts {
  /** The machine block; null for the default machine. */
  readonly declaration: MachineDeclaration | null;
  /**
   * The machine's variables, in the order of the text. Each machine has its own variables, which
   * all code of that machine can use.
   */
  readonly variables: ReadonlyMap<LetStatement, Variable>;
  /**
   * Registers with a known offset; errors in the other registers are reported when the block is
   * read.
   */
  readonly registers: readonly DescribedRegister[];
}

export interface ConstBinding {
  readonly kind: "const";
  readonly declaration: ConstDeclaration;
  reads: number;
}

export interface FunctionBinding {
  readonly kind: "function";
  readonly declaration: FunctionDeclaration;
  reads: number;
}

/** A device, `iommu`, `counters` …: a name the machine binds. */
export interface MachineBinding {
  readonly kind: "machine";
  readonly name: string;
  readonly valueKind: Type;
}

export interface BuiltinBinding {
  readonly kind: "builtin";
  readonly spec: FunctionSpec;
}

export interface WordBinding {
  readonly kind: "word";
  readonly word: EnumValue;
}

export type NameBinding =
  | Variable
  | ConstBinding
  | FunctionBinding
  | MachineBinding
  | BuiltinBinding
  | WordBinding;

/** The top-level declarations of a file that other files may use. */
export type Declared = ConstBinding | FunctionBinding;

/**
 * The places that a program changes. Entries are recorded only by their names, not by their
 * records, because a record may have many references.
 */
export interface PlacesChanged {
  /** Names of entries: `record.name = e`. */
  readonly entries: Set<string>;
  /** Whether entries with a computed name are changed: `record[key] = e`. */
  anyEntry: boolean;
  /** Whether entries are added or removed, so that a record gets other names. */
  names: boolean;
  /** Whether items of lists are changed. */
  items: boolean;
}

/** What every name in the checked files means. The keys of the maps are nodes. */
export class Resolution {
  readonly names = new Map<NameExpression, NameBinding>();
  readonly targets = new Map<AssignStatement, Variable>();
  /** All places that the program changes. */
  readonly changes: PlacesChanged = {
    entries: new Set(),
    anyEntry: false,
    names: false,
    items: false,
  };
  /** The variables of `let`, `for`, parameters and `forall`, by the statement or the name. */
  readonly variables = new Map<Statement | Name, Variable>();
  /** Closures, with the variables that they capture. */
  readonly closures = new Map<ClosureNode, CodeScope>();
  readonly comparisons = new Map<CompareExpression, readonly ComparedMachine[]>();
  /** Expressions in a budget or an expectation that mean a count. */
  readonly counts = new Map<Expression, string>();
  /** Calls that read a file, each with the file's contents. */
  readonly data = new Map<CallExpression, Value>();
  /** Names of events used as values: `trace.count(iotlb.sync)`. */
  readonly eventNames = new Map<Expression, string>();
  /** Statements that are not allowed at their place; their control flow is ignored. */
  readonly misplaced = new Set<Statement>();
  /** Functions that use unknown names: their declarations may lack parameters. */
  readonly incomplete = new Set<FunctionDeclaration>();

  /** Adds the content of another resolution. */
  add(other: Resolution): void {
    for (const [node, binding] of other.names) this.names.set(node, binding);
    for (const [node, variable] of other.targets) this.targets.set(node, variable);
    for (const [node, variable] of other.variables) this.variables.set(node, variable);
    for (const [node, code] of other.closures) this.closures.set(node, code);
    for (const [node, machines] of other.comparisons) this.comparisons.set(node, machines);
    for (const [node, name] of other.counts) this.counts.set(node, name);
    for (const [node, value] of other.data) this.data.set(node, value);
    for (const [node, name] of other.eventNames) this.eventNames.set(node, name);
    for (const statement of other.misplaced) this.misplaced.add(statement);
    for (const declaration of other.incomplete) this.incomplete.add(declaration);
    const { changes } = this;
    for (const name of other.changes.entries) changes.entries.add(name);
    changes.anyEntry ||= other.changes.anyEntry;
    changes.items ||= other.changes.items;
    changes.names ||= other.changes.names;
  }
}

/** The hint for a name that occurs in a pattern but has no value to compare with. */
export const PATTERN_BINDS_NOTHING = "a pattern binds no name; `_` matches the rest";

/** Names visible in one block; other names are looked up in the surrounding block. */
export class Scope {
  readonly #own = new Map<string, Variable>();

  /** @param sealedBy The keyword of a block that may not be left early; null for other blocks. */
  constructor(
    readonly code: CodeScope,
    readonly parent: Scope | null,
    readonly sealedBy: string | null = null,
  ) {}

  /**
   * The keyword of the innermost surrounding block that may not be left early; null without one.
   */
  get seal(): string | null {
    const outer = this.parent?.code === this.code ? this.parent.seal : null;
    return this.sealedBy ?? outer;
  }

  /** The variable with that name in this block itself. */
  ownVariable(name: string): Variable | undefined {
    return this.#own.get(name);
  }

  declare(variable: Variable): void {
    this.#own.set(variable.name, variable);
  }

  find(name: string): Variable | null {
    return this.#own.get(name) ?? this.parent?.find(name) ?? null;
  }

  /** The names of all variables visible here, for suggestions. */
  *names(): Generator<string> {
    yield* this.#own.keys();
    if (this.parent !== null) yield* this.parent.names();
  }
}

/**
 * Compiled scripts: flat instructions in one typed array, and the tables to which instructions
 * refer by index.
 *
 * The whole program shares one array, so a function is only the offset of its first instruction. In
 * a REPL session the array grows; existing instructions never change.
 */
import type { FunctionSpec } from "../values/spec.ts";
import type { ComparedMachine } from "../values/machine_variant.ts";
import type { NativeLine } from "../values/execution_context.ts";
import type { SourceFile, Span } from "../source.ts";
import type { OutcomeKind } from "../syntax/tree/ast.ts";
import type { EventMatcher } from "../patterns/event_pattern.ts";
import type { Value } from "../values/value.ts";

const INITIAL_WORDS = 1024;

/** The source form of a piece of code. */
export type FunctionRole =
  | "main"
  | "constant"
  | "function"
  | "lambda"
  | "test"
  | "property"
  | "bench"
  | "budget";

/** One callable piece of code. Its frame is: parameters, captured values, locals. */
export interface FunctionCode {
  readonly role: FunctionRole;
  /** The function's name in the source; empty for a lambda. */
  readonly name: string;
  readonly span: Span;
  readonly parameters: readonly string[];
  /** Offset of the first instruction. */
  readonly entry: number;
  /** Number of slots of the frame below its operands. */
  readonly slots: number;
  /** Largest number of operands on the stack. */
  readonly operands: number;
  /** The function's statements with an expectation, as indexes into `Code.expectations`. */
  readonly expectations: readonly number[];
}

/** How a method or a value is called: positional arguments first, then named ones. */
export interface CallShape {
  /** The method's name; empty when the callee is a value on the stack. */
  readonly name: string;
  readonly positional: number;
  readonly named: readonly string[];
}

/** A part of an assertion's condition with a value that a failure shows. */
export interface AssertedPart {
  /** Where the value is written below the line: a name, a field, an operator. */
  readonly anchor: Span;
  /** The frame slot that the value is saved in. */
  readonly slot: number;
}

export interface AssertionInfo {
  readonly condition: Span;
  readonly parts: readonly AssertedPart[];
  /**
   * The slots of the left and right sides of each `==` that must be true for the condition to be
   * true.
   */
  readonly compared: readonly (readonly [number, number])[];
  readonly hasMessage: boolean;
  /** Index into `Code.expectations`; null for an invariant, which is evaluated again and again. */
  readonly expectation: number | null;
}

/** A device's status that is expected: a number, and the mask of the bits to compare. */
export interface ExpectedStatus {
  readonly status: number;
  readonly mask: number;
}

export interface OutcomeInfo {
  /** The span of the named error, fault or report. */
  readonly codeSpan: Span;
  readonly outcome: OutcomeKind;
  readonly code: string;
  /**
   * The status that the device is expected to return, with the mask of the bits to compare; null if
   * the statement does not name a device status.
   */
  readonly deviceStatus: ExpectedStatus | null;
  /** True for `fails`, `faults` and `warns`, false for `expect … { }`. */
  readonly oneCall: boolean;
  readonly expectation: number;
}

export interface EventsInfo {
  readonly span: Span;
  readonly matcher: EventMatcher;
  readonly expectation: number;
}

/** `inject POINT nth N with ERROR`. */
export interface FailInfo {
  readonly point: string;
  /** The word after `with`; null for the point's natural error. */
  readonly error: string | null;
  readonly hasNth: boolean;
  /**
   * Index into `Code.expectations`. The expectation is reached when the point has failed at least
   * once.
   */
  readonly expectation: number;
}

/** `inject each`, `remove each`, `unplug each`. */
export interface FailEachInfo {
  readonly word: SweepWord;
  /** Whether a closure with the device's actions during a removal lies on the stack. */
  readonly hasMeanwhile: boolean;
  readonly span: Span;
  /** Index into `Code.expectations`. The expectation is reached when there was a place to fail. */
  readonly hit: number;
  readonly expectation: number;
}

/**
 * A requirement of the block of an `inject`, `inject each`, `remove each`, `unplug each` or `race`.
 * At least one run of the block must meet it.
 */
export interface TrialDuty {
  /** The keyword of the statement that contains the block. */
  readonly word: TrialWord;
  readonly span: Span;
  /** Index into `Code.expectations`. The expectation is reached where the requirement applies. */
  readonly trial: number;
  /**
   * Index into `Code.expectations`. The expectation is reached when a run has met the requirement.
   */
  readonly done: number;
  /**
   * The requirement. `holds`: the condition of an `if` without `else` is true. `succeeds`: a call
   * with an unused value does not fail. `fails`: the block has a place that can be made to fail, or
   * at which a driver can be removed. `orders`: the blocks of a race can run in more than one order.
   * `injects`: the point of an `inject POINT` fails.
   */
  readonly kind: "holds" | "succeeds" | "fails" | "orders" | "injects";
  /** The point of an `inject POINT`, and whether only some hits of it fail. */
  readonly injected?: Pick<FailInfo, "hasNth" | "point">;
}

/** Statements that run their block in other ways: several times, or with one failure. */
export type TrialWord = SweepWord | "race" | "inject";

/**
 * Statements that try each place of their block. The value is the kind of removal that a statement
 * performs; null for no removal.
 */
export const SWEEPS = {
  "inject each": null,
  "remove each": "driver.remove",
  "unplug each": "device.unplug",
} as const;

export type SweepWord = keyof typeof SWEEPS;

export interface RaceInfo {
  readonly blocks: number;
  /** Index into `Code.expectations`. The expectation is reached when all orders were tried. */
  readonly trial: number;
  /** Index into `Code.expectations`. The expectation is reached when there is more than one order. */
  readonly ordered: number;
  /**
   * True if the rest of the run is repeated for each order, too. Otherwise only the race is
   * repeated, and the race has a value.
   */
  readonly whole: boolean;
}

export interface InvariantInfo {
  readonly name: string;
  readonly span: Span;
  readonly expectation: number;
}

/** A statement that calls something. */
export interface Site {
  readonly span: Span;
  /** The call; the whole statement if it contains several calls. */
  readonly call: Span;
}

/** A mark with this number in place of a statement's number means that the function returns. */
export const RETURNING = -1;

/** The keyword of a statement that runs its blocks on separate machines. */
export type ForkKeyword = "compare" | "fork" | "race";

/** A statement of code that is compiled with marks. */
export interface DebugStatement {
  /** The name of the C function that contains the line; not set for a line of the script. */
  readonly native?: string;
  readonly span: Span;
  /**
   * The keyword of the block that contains the statement, if that block runs only on separate
   * machines and never on the current machine.
   */
  readonly forkKeyword?: ForkKeyword;
  /**
   * Names that are bound when the statement starts, the innermost last. Each has the slot of its
   * value in the frame.
   */
  readonly variables: readonly BoundName[];
}

/** A name of the source, and the place of its value. */
export interface BoundName {
  readonly name: string;
  readonly slot: number;
}

/** The tables of a program, as the compiler fills them. */
export class CodeTables {
  /** Instructions: an opcode, then its operands. */
  instructions: Int32Array = new Int32Array(INITIAL_WORDS);
  /** For each place in `instructions`, an index into `spans`. */
  spanIndexes: Int32Array = new Int32Array(INITIAL_WORDS);
  /** How many global variables there are: consts, names of the machine, a session's variables. */
  globals = 0;
  readonly spans: Span[] = [];
  readonly constants: Value[] = [];
  readonly functions: FunctionCode[] = [];
  readonly builtins: FunctionSpec[] = [];
  readonly names: string[] = [];
  readonly recordKeys: (readonly string[])[] = [];
  readonly shapes: CallShape[] = [];
  readonly assertions: AssertionInfo[] = [];
  readonly outcomes: OutcomeInfo[] = [];
  readonly patterns: EventsInfo[] = [];
  readonly fails: FailInfo[] = [];
  readonly failEachs: FailEachInfo[] = [];
  /** For each `compare`, the machines that its block runs on. */
  readonly comparisons: (readonly ComparedMachine[])[] = [];
  readonly races: RaceInfo[] = [];
  readonly trialDuties: TrialDuty[] = [];
  /** The statements of races: before each of them another block may continue. */
  readonly racePoints: Span[] = [];
  readonly invariants: InvariantInfo[] = [];
  /** Statements with an expectation; each must be reached. */
  readonly expectations: Span[] = [];
  /** Statements that make calls, by `site - 1`; `site` is the number in an event. */
  readonly sites: Site[] = [];
  /** Statements, by the number in their marks; empty for code without marks. */
  readonly statements: DebugStatement[] = [];
  readonly #placeSites = new Map<SourceFile, Map<number, number>>();
  readonly #lineNumbers = new Map<SourceFile, Map<string, number>>();

  /**
   * The statement number of a line that does not belong to the script. Each call for the same line
   * returns the same number.
   */
  readonly numberOf = ({ functionName, span }: NativeLine): number => {
    const ofSource = this.#lineNumbers.get(span.source) ?? new Map<string, number>();
    this.#lineNumbers.set(span.source, ofSource);
    const key = `${span.start} ${functionName}`;
    const known = ofSource.get(key);
    if (known !== undefined) return known;
    const number = this.statements.push({ span, variables: [], native: functionName }) - 1;
    ofSource.set(key, number);
    return number;
  };

  /**
   * The site number of a place outside the script's statements, such as a line of C. Each call for
   * the same place returns the same number.
   */
  readonly siteOf = (span: Span): number => {
    const ofSource = this.#placeSites.get(span.source) ?? new Map<number, number>();
    this.#placeSites.set(span.source, ofSource);
    const known = ofSource.get(span.start);
    if (known !== undefined) return known;
    const site = this.sites.push({ span, call: span });
    ofSource.set(span.start, site);
    return site;
  };
}

/** A compiled program: a run changes nothing in it. */
export type Code = {
  readonly [Table in keyof CodeTables]: CodeTables[Table] extends (infer Entry)[] ? readonly Entry[]
    : CodeTables[Table];
};

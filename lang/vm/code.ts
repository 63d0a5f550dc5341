/**
 * Compiled scripts: flat instructions in one typed array, and the tables they point into.
 *
 * The whole program shares one array, so that a function is no more than an entry offset. It grows
 * while a REPL session goes on; nothing in it ever changes once it is written.
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
  /** As the source names it; empty for a lambda. */
  readonly name: string;
  readonly span: Span;
  readonly parameters: readonly string[];
  /** Offset of the first instruction. */
  readonly entry: number;
  /** Slots of the frame below its operands. */
  readonly slots: number;
  /** Most operands on the stack at once. */
  readonly operands: number;
  /** Statements in it that expect something, as indexes into `Code.expectations`. */
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
  /** The frame slot that remembers the value. */
  readonly slot: number;
}

export interface AssertionInfo {
  readonly condition: Span;
  readonly parts: readonly AssertedPart[];
  /** The slots of the two sides of each `==` that the condition asks for. */
  readonly compared: readonly (readonly [number, number])[];
  readonly hasMessage: boolean;
  /** Null for an invariant, which is evaluated again and again. */
  readonly expectation: number | null;
}

/** An answer of a device: a number, as far as a mask says. */
export interface ExpectedStatus {
  readonly status: number;
  readonly mask: number;
}

export interface OutcomeInfo {
  /** The error, fault or report that is named. */
  readonly codeSpan: Span;
  readonly outcome: OutcomeKind;
  readonly code: string;
  /** The required answer of a device, in the bits of the mask, where it is named. */
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
  /** Reached when the point has failed at least once. */
  readonly expectation: number;
}

/** `inject each`, `remove each`, `unplug each`. */
export interface FailEachInfo {
  readonly word: SweepWord;
  /** The device's actions during a removal lie on the stack. */
  readonly hasMeanwhile: boolean;
  readonly span: Span;
  /** Reached when there was a place to fail. */
  readonly hit: number;
  readonly expectation: number;
}

/** The requirement of a block of `inject each` or `race` for at least one of its runs. */
export interface TrialDuty {
  /** `inject each` or `race`. */
  readonly word: TrialWord;
  readonly span: Span;
  /** Reached where it is due: an index into `Code.expectations`. */
  readonly trial: number;
  /** Reached when it was done. */
  readonly done: number;
  /**
   * `holds`: a condition without a replacement; `succeeds`: a call with an unused value; `fails`:
   * any place.
   */
  readonly kind: "holds" | "succeeds" | "fails";
}

/** What runs its block more than once, each time in another way. */
export type TrialWord = SweepWord | "race";

/** Statements that try each place of their block, each of them with the removal that they make. */
export const SWEEPS = {
  "inject each": null,
  "remove each": "driver.remove",
  "unplug each": "device.unplug",
} as const;

export type SweepWord = keyof typeof SWEEPS;

export interface RaceInfo {
  readonly blocks: number;
  /** Reached when all orders were tried. */
  readonly trial: number;
  /** Whether what follows is run after each order, too; else the race has a value. */
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
  /** The call that it is about; the statement where it makes several. */
  readonly call: Span;
}

/** Instead of a statement's number in a mark: the function returns. */
export const RETURNING = -1;

/** The statement that runs its blocks on separate machines. */
export type ForkKeyword = "compare" | "fork" | "race";

/** A statement of code that is compiled with marks. */
export interface DebugStatement {
  /** The function that it is a line of, where that is no function of the script's. */
  readonly native?: string;
  readonly span: Span;
  /**
   * The word of the block around it, where that block runs on separate machines and never on this
   * one.
   */
  readonly forkKeyword?: ForkKeyword;
  /** Names that are bound when it starts, the innermost last, each with its slot of the frame. */
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
  /** `compare`: each machine that the block runs on. */
  readonly comparisons: (readonly ComparedMachine[])[] = [];
  readonly races: RaceInfo[] = [];
  readonly trialDuties: TrialDuty[] = [];
  /** The statements of races: places where another block may go on. */
  readonly racePoints: Span[] = [];
  readonly invariants: InvariantInfo[] = [];
  /** Statements that expect something, and must be reached. */
  readonly expectations: Span[] = [];
  /** Statements that call something, by `site - 1`: events carry the number. */
  readonly sites: Site[] = [];
  /** Statements, by the number in their marks; none in code without marks. */
  readonly statements: DebugStatement[] = [];
  readonly #placeSites = new Map<SourceFile, Map<number, number>>();
  readonly #lineNumbers = new Map<SourceFile, Map<string, number>>();

  /** The number of a line that is no script's as a statement: the same at every request. */
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

  /** The number of a place that is no statement, as one in C: the same at every request. */
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

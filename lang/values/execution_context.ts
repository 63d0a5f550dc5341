/**
 * The interface of a run for builtins.
 *
 * The VM implements this interface; builtins use nothing else of the VM.
 */
import type { Lab } from "@dmalab/devices";
import type { EventRecorder } from "@dmalab/runtime";
import type { Span } from "../source.ts";
import type { Question } from "./question.ts";
import type { RunObserver } from "./run_observer.ts";
import type { Closure, Value } from "./value.ts";

/** A line of code outside the script, for example of a driver in C. */
export interface NativeLine {
  readonly span: Span;
  /** The function that contains the line. */
  readonly functionName: string;
}

/** What C code tells a debugger that follows the run. The VM implements it. */
export interface DebugHooks {
  /** Active calls of C code, innermost last. */
  readonly nativeFrames: NativeFrame[];
  /** Number of active calls, including those of C code. */
  readonly calls: number;
  /** The number of a line; each call for the same line returns the same number. */
  numberOf(line: NativeLine): number;
  /** Called after some of the active calls have returned. */
  returned(): void;
  /** @returns Whether the run is to be paused before the line. */
  started(number: number): boolean;
}

/** A value in code outside the script, for a debugger. */
export interface NativeValue {
  /** The value's type in the syntax of the source. */
  readonly kind: string;
  readonly text: string;
  /** The value in a condition: a boolean, or an exact number; null for any other value. */
  readonly value: boolean | number | null;
  /**
   * Number of members of a structure, of elements of an array, or of targets of a pointer; 0 for
   * other values.
   */
  readonly partCount: number;
  /** True if the parts have indexes instead of names. */
  readonly isList: boolean;
  /**
   * The CPU's address of the value in memory; for a pointer, of its target; null for other values.
   */
  readonly phys: number | null;
  /** The value's members, each read when it is listed. */
  parts(first: number, count: number): readonly NativePart[];
}

/** A value with a name, or inside another value. */
export interface NativePart {
  readonly name: string;
  /** The source expression that gives the value; null if there is no such expression. */
  readonly expression: string | null;
  readonly value: NativeValue;
}

/** An active call of code outside the script, in its state at the beginning of the current line. */
export interface NativeFrame {
  /** Arguments and variables of the function, or the variables of its file. */
  variables(scope: "locals" | "globals"): readonly NativePart[];
  /**
   * The value of an expression in the language of the code, such as C.
   * @param isNative True if the expression is certainly in that language, even if none of its names
   *   is known there.
   * @returns Null if the expression is not in that language.
   * @throws {ScriptError} If the expression has no value, with the reason.
   */
  evaluate(expression: string, isNative: boolean): NativeValue | null;
}

/** Lets other blocks of a `race` run in the middle of a block's statement. */
export interface Preemption {
  /**
   * Called before a call in code outside the script.
   * @param place Returns the location at which the code continues. It is called only if another
   *   block has run.
   */
  preemptionPoint(place: () => Span | null): void;
  /**
   * Called when only another block can continue. The current order then ends without counting,
   * because orders in which another block continues are tried separately.
   */
  blockForever(): void;
}

/** @internal */
export interface ExecutionContext {
  /** The race that may preempt this block; null outside a `race`. */
  readonly preemption: Preemption | null;
  /** The hooks of a debugger that follows the run; null without one. */
  readonly debugHooks: DebugHooks | null;
  /** Receives what the script reads; null or left out without an observer. */
  readonly observer?: RunObserver | null;
  /** The machine and its devices, as the `machine` block declared them. */
  readonly lab: Lab;
  /** The recorded events of this run. */
  readonly recorder: EventRecorder;
  /** Calls a function of the script, as `list.map(x => …)` does. */
  call(closure: Closure, args: readonly Value[]): Value;
  /** Width of the lines of `show` and `explain`. */
  readonly columns: number;
  /**
   * Prints one line, which counts against the output limit.
   * @param shown The `show` statement that prints the line; left out for lines of `print` and
   *   `explain`.
   */
  print(line: string, shown?: ShowStatement): void;
  /** Passes on a question of a quiz; without a receiver it is printed as lines. */
  ask(question: Question): void;
  /**
   * Charges work to the limits of steps and time, before or during the work. Call it for every
   * traversal of a value, and for work that grows with the size of an argument. A step is some 10
   * ns.
   *
   * @throws {LimitError} When the limit of steps or of time is exceeded.
   */
  work(steps: number): void;
  /**
   * Charges bytes of new values, and the work of making these values. When the limit is reached,
   * the bytes of values that are no longer reachable are subtracted.
   *
   * @throws {LimitError} When the script's live values reach the limit.
   */
  chargeMemory(bytes: number): void;
  /** Charges bytes that the machine allocates for one of its objects: they are never freed. */
  holdMemory(bytes: number): void;
  /** Keeps `items` alive while `make` runs: nothing else refers to them yet. */
  keepWhile<T>(items: readonly Value[], make: () => T): T;
  /**
   * Called before a list or record changes; throws where no change is allowed, as in an invariant.
   */
  requireChange(): void;
  /** The source span of the statement to which the `site` number of an event belongs. */
  siteSpan(site: number): Span | null;
  /** The site number for a location outside the script's statements, such as a line of C. */
  siteOf(span: Span): number;
}

/** A `show` that draws: a new object each time the statement runs. */
export interface ShowStatement {
  /** The statement. */
  readonly span: Span;
}

/** The output of a run; shared by all its tests, because the limit is shared. */
export interface Output {
  /** Width of the output's lines; the width of pictures when left out. */
  readonly columns?: number | undefined;
  /** @param shown The `show` that prints the line; left out for lines of `print` and `explain`. */
  write(line: string, shown?: ShowStatement): void;
  /** Receives the questions of quizzes; without this function the questions are printed as lines. */
  readonly ask?: ((question: Question) => void) | undefined;
}

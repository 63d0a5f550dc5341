/**
 * The parts of a run that its builtins may use.
 *
 * The VM implements it; builtins see nothing else of the VM.
 */
import type { Lab } from "@dmalab/devices";
import type { EventRecorder } from "@dmalab/runtime";
import type { Span } from "../source.ts";
import type { Question } from "./question.ts";
import type { RunObserver } from "./run_observer.ts";
import type { Closure, Value } from "./value.ts";
import type { DebugHooks } from "../vm/debug_hooks.ts";

/** A line of code that is no script's, as of C. */
export interface NativeLine {
  readonly span: Span;
  /** The function that it is a line of. */
  readonly functionName: string;
}

/** A value of such code, as a debugger shows it. */
export interface NativeValue {
  /** Its type as the source writes it. */
  readonly kind: string;
  readonly text: string;
  /** Its value for a condition: a truth, or an exact number; null for anything else. */
  readonly value: boolean | number | null;
  /** Members of a structure, elements of an array, the target of a pointer; 0 for nothing. */
  readonly partCount: number;
  /** The parts have numbers instead of names. */
  readonly isList: boolean;
  /** The CPU's address of the memory that it is, or that it points to; null for none. */
  readonly phys: number | null;
  /** Its members, each read when it is listed. */
  parts(first: number, count: number): readonly NativePart[];
}

/** A value with a name, or inside another one. */
export interface NativePart {
  readonly name: string;
  /** What asks for it; null where no expression does. */
  readonly expression: string | null;
  readonly value: NativeValue;
}

/** A call of such code that has not returned, as it is where its current line begins. */
export interface NativeFrame {
  /** Arguments and variables of the function, or those of its file. */
  variables(scope: "locals" | "globals"): readonly NativePart[];
  /**
   * The value of an expression of that language.
   * @param isNative It is one of that language, even where none of its names is seen there.
   * @returns Null where it is none.
   * @throws {ScriptError} Where it has no value, with the reason.
   */
  evaluate(expression: string, isNative: boolean): NativeValue | null;
}

/** Lets other blocks of a `race` come in between, in the midst of a statement of one. */
export interface Preemption {
  /**
   * Code that is no script's comes to a call.
   * @param place Where it goes on after that: asked when something has come in between.
   */
  preemptionPoint(place: () => Span | null): void;
  /** Only other blocks can go on: orders in which they do are tried separately. */
  blockForever(): void;
}

/** @internal */
export interface ExecutionContext {
  /** The race that may let another block run in between; null where no `race` runs. */
  readonly preemption: Preemption | null;
  /** The debugger that follows the run; null without one. */
  readonly debugHooks: DebugHooks | null;
  /** Follows what the script reads; null or left out where nothing does. */
  readonly observer?: RunObserver | null;
  /** The machine and its devices, as the `machine` block declared them. */
  readonly lab: Lab;
  /** The events of this run. */
  readonly recorder: EventRecorder;
  /** Calls a function of the script, as `list.map(x => …)` does. */
  call(closure: Closure, args: readonly Value[]): Value;
  /** How wide a line of `show` or `explain` may be. */
  readonly columns: number;
  /**
   * One line of output, counted against the output limit.
   * @param shown Whose line it is; left out for those of `print` and `explain`.
   */
  print(line: string, shown?: ShowStatement): void;
  /** A question of a quiz: to who waits for it, else as lines of output. */
  ask(question: Question): void;
  /**
   * Charges work against the limits of steps and time, before or while it is done: whatever walks a
   * value, or does the more the larger an argument is. A step is some 10 ns.
   *
   * @throws {LimitError} When nothing is left.
   */
  work(steps: number): void;
  /**
   * Charges bytes of new values, and the work of making them. Values without references are freed
   * when the limit is reached.
   *
   * @throws {LimitError} When the script holds as much as it may.
   */
  chargeMemory(bytes: number): void;
  /** Charges bytes that the machine allocates for a thing: they are never freed. */
  holdMemory(bytes: number): void;
  /** Makes something of which `items` are parts that are held by nothing else yet. */
  keepWhile<T>(items: readonly Value[], make: () => T): T;
  /** A list or record is about to change; throws where nothing may, as in an invariant. */
  requireChange(): void;
  /** The place of the statement that an event's `site` names. */
  siteSpan(site: number): Span | null;
  /** The number by which events know a place that is no statement of the script's, as one in C. */
  siteOf(span: Span): number;
}

/** A `show` that draws: one for each time that the statement runs. */
export interface ShowStatement {
  /** The statement. */
  readonly span: Span;
}

/** Where the lines of a run go; shared by all its tests, because the limit is. */
export interface Output {
  /** How wide its lines may be; as wide as pictures are when left out. */
  readonly columns?: number | undefined;
  /** @param shown Whose line it is; left out for those of `print` and `explain`. */
  write(line: string, shown?: ShowStatement): void;
  /** Gets the questions of quizzes; they are lines where it is left out. */
  readonly ask?: ((question: Question) => void) | undefined;
}

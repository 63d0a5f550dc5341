/**
 * How a builtin describes itself. The checker, completion, hover, help and the reference page all
 * come from this entry; `lang/builtins/` is the one place where a language name meets a runtime
 * function.
 */
import type { ErrnoName } from "@dmalab/runtime";
import type { KernelFeature } from "@dmalab/runtime/vocabulary";
import type { ExecutionContext } from "./execution_context.ts";
import type { Value } from "./value.ts";

/**
 * The kind of a parameter or a result. A plain int is welcome wherever a size, duration or address
 * is wanted; any other mix is an error found before the run.
 * @internal
 */
export type Type =
  | "any"
  | "nothing"
  | "int"
  | "ratio"
  | "size"
  | "duration"
  | "phys"
  | "dma"
  | "virt"
  | "bytes"
  | "bool"
  | "string"
  | "word"
  | "list"
  | "record"
  | "range"
  | "function"
  /** A thing of the machine, by its type's name, such as `device` or `request`. */
  | `@${string}`;

/**
 * The contents of a list or record: a kind, `[what]` for a list of it, or the entries of a record.
 * @internal
 */
export type Contents = Type | readonly [Contents] | { readonly [name: string]: Contents };

/** The result of a list's member, by the list's own items. */
export type FromItems =
  /** A list of some of them, or of all. */
  | "items"
  /** One of them. */
  | "item"
  /** Their sum: one more of their kind, where that is a number's. */
  | "sum"
  /** A list of what its function gives. */
  | "mapped";

/** @internal */
export interface ParameterSpec {
  readonly name: string;
  /** One kind, or several of which any will do. */
  readonly type: Type | readonly Type[];
  /** May be left out; `context` then sees `otherwise` in its place. */
  readonly optional?: boolean;
  readonly otherwise?: unknown;
  /** May only be given by name. */
  readonly named?: boolean;
  /** A function that is called with one thing of this kind, or with each item of the list. */
  readonly calledWith?: Type | "item";
  /** A text is the name of an event, or of all below one. */
  readonly event?: boolean;
  readonly doc: string;
  /** What `context` is given for a value of the kind: the value itself when there is no decoder. */
  readonly decode?: ((value: Value) => unknown) | null;
}

/** Arguments in the order of the parameters, each as its parameter decodes it. */
export type Arguments = readonly unknown[];

/**
 * Where a call has no place under a spin lock, in words; `gfp` by its argument `atomic`.
 * @see rules/c-api.md, column C
 */
export const CALL_CONTEXTS = {
  sleeps: "May sleep",
  gfp: "May sleep, unless `atomic: true`",
} as const;

/** @internal */
export type CallContext = keyof typeof CALL_CONTEXTS;

/**
 * The mistake in a file of data; the place is one in its text.
 * @internal
 */
export interface DataProblem {
  /** A sentence without its end. */
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

/** A function of the language. */
export interface FunctionSpec {
  /** What scripts call it by. */
  readonly name: string;
  /** Its parameters, in order. */
  readonly parameters: readonly ParameterSpec[];
  /** Takes any number of further arguments of the last parameter's kind. */
  readonly variadic?: boolean;
  /** Its result. */
  readonly result: Type;
  /** For a list or record: the kind of its items, where that is always the same. */
  readonly of?: Contents;
  /** One sentence, then as many as it needs. */
  readonly doc: string;
  /** A script that runs alone and shows the call. */
  readonly example: string;
  /** Errors it can raise. */
  readonly raises?: readonly ErrnoName[];
  /** It answers a question and changes nothing: code that may change nothing can call it. */
  readonly pure?: true;
  /** Where it may be called from; anywhere when left out. */
  readonly context?: CallContext;
  /** A function of the kernel that not every release has: the release that introduced it. */
  readonly needs?: KernelFeature;
  /**
   * It reads the file that its only argument names, before anything runs, and a call of it is a
   * constant: the contents of the file, or the mistake in it. `context` is never called then.
   */
  readonly reads?: (text: string) => { readonly value: Value } | DataProblem;
  /** The files that its example reads, by their paths. */
  readonly exampleFiles?: Readonly<Record<string, string>>;
  /**
   * Does it. Raises `KernelError` for what a script can expect, `ScriptError` for a call that
   * makes no sense.
   */
  run(context: ExecutionContext, args: Arguments): Value;
}

/** @internal */
export interface FieldSpec<T = never> {
  readonly name: string;
  readonly type: Type;
  /** For a list or record: the kind of its items, where that is always the same. */
  readonly of?: Contents;
  readonly gives?: FromItems;
  readonly doc: string;
  get(target: T, context: ExecutionContext): Value;
  /** Why it is as it is, for `explain thing.field`; left out where its value is what can be explained. */
  explain?(target: T, context: ExecutionContext): readonly string[];
}

/** @internal */
export interface MethodSpec<T = never> extends Omit<FunctionSpec, "run"> {
  readonly gives?: FromItems;
  /** Its change of the list or record that it is called on. */
  readonly changes?: "items" | "entries";
  run(context: ExecutionContext, target: T, args: Arguments): Value;
}

/** A type of things: what `value.field` and `value.method(…)` mean. */
export interface HandleType<T = never> {
  /** The word of its things in messages and patterns. */
  readonly name: string;
  /** One sentence, then as many as it needs. */
  readonly doc: string;
  /** Types with fields and methods that it has, too: `nvme` extends `device`. */
  readonly extends?: HandleType<T>;
  /** Its fields. Made when first asked for: a start would wait for those of all types. */
  readonly fields: () => readonly FieldSpec<T>[];
  /** Its methods; none when left out. */
  readonly methods?: readonly MethodSpec<T>[];
  /** Its methods are functions of a driver: messages call them functions. */
  readonly isCode?: true;
  /** Members that it has not, by the name that people look for, with the right spelling. */
  readonly gone?: Readonly<Record<string, string>>;
  /** The value on one line, for `print` and failed assertions. */
  format(target: T, context: ExecutionContext): string;
  /** The value as a picture or table of at most 80 columns, for `show`; lines without colour. */
  show?(target: T, context: ExecutionContext): Iterable<string>;
  /** Why it is as it is, one decision a line, for `explain`. */
  explain?(target: T, context: ExecutionContext): readonly string[];
  /** Something went wrong with it: `explain` then names the known defect that causes it. */
  isWrong?(target: T, context: ExecutionContext): boolean;
  /** When what `wait` waits for ended: the CPU that waits goes on not before that. */
  endedNs?(target: T): number;
  /** `==`: identity when left out. */
  equals?(target: T, other: Value, context: ExecutionContext): boolean;
  /** What two that are not equal differ in, one thing a line; for failed assertions. */
  differences?(target: T, other: T, context: ExecutionContext): readonly string[];
  /** Its values are no part of a machine: they may go from one to another. */
  readonly portable?: boolean;
  /** Several values as one table, for `show` of a list or record of them. */
  showAll?(
    named: readonly (readonly [name: string, target: T])[],
    context: ExecutionContext,
  ): readonly string[];
  /** `value[index]`. */
  index?(target: T, index: Value, context: ExecutionContext): Value;
}

/**
 * Descriptions of builtins. The checker, completion, hover, help and the reference page all use
 * these entries. Only `lang/builtins/` connects a name of the language with a runtime function.
 */
import type { ErrnoName } from "@dmalab/runtime";
import type { KernelFeature } from "@dmalab/runtime/vocabulary";
import type { ExecutionContext } from "./execution_context.ts";
import type { Value } from "./value.ts";

/**
 * The kind of a parameter or a result. A plain int is accepted wherever a size, duration or address
 * is expected. Any other value of a wrong kind is an error that is found before the run.
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
  /** A handle, by its type's name, such as `device` or `request`. */
  | `@${string}`;

/**
 * The contents of a list or record: a kind, `[contents]` for a list, or the entries of a record.
 * @internal
 */
export type Contents = Type | readonly [Contents] | { readonly [name: string]: Contents };

/** The result of a list's member, depending on the list's items. */
export type FromItems =
  /** A list of some or all of the items. */
  | "items"
  /** One of the list's items. */
  | "item"
  /** The sum of the items. If the items are numbers, the sum has their kind. */
  | "sum"
  /** A list of the results of the function that the member calls for each item. */
  | "mapped";

/** @internal */
export interface ParameterSpec {
  readonly name: string;
  /** One kind, or several alternatives. */
  readonly type: Type | readonly Type[];
  /** True if the argument may be left out; `run` then gets `otherwise`. */
  readonly optional?: boolean;
  readonly otherwise?: unknown;
  /** True if the argument may only be passed by name. */
  readonly named?: boolean;
  /**
   * For a parameter that is a function: the kind of that function's argument; `item` if it is
   * called with each item of the list.
   */
  readonly calledWith?: Type | "item";
  /** True if a string is the name of an event, or of all events below a prefix. */
  readonly event?: boolean;
  readonly doc: string;
  /**
   * Converts a value of the kind to the argument of `run`. Without a decoder, `run` gets the value
   * itself.
   */
  readonly decode?: ((value: Value) => unknown) | null;
}

/** Arguments in the order of the parameters, each as its parameter decodes it. */
export type Arguments = readonly unknown[];

/**
 * Why a call is not allowed in some contexts, such as under a spin lock. For `gfp`, the contexts
 * depend on the argument `atomic` of the call.
 * @see rules/c-api.md, column C
 */
export const CALL_CONTEXTS = {
  sleeps: "May sleep",
  gfp: "May sleep, unless `atomic: true`",
} as const;

/** @internal */
export type CallContext = keyof typeof CALL_CONTEXTS;

/**
 * A mistake in a data file, with its location in the text.
 * @internal
 */
export interface DataProblem {
  /** A sentence without its full stop. */
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

/** A function of the language. */
export interface FunctionSpec {
  /** The function's name in scripts. */
  readonly name: string;
  /** The function's parameters, in order. */
  readonly parameters: readonly ParameterSpec[];
  /** Takes any number of further arguments of the last parameter's kind. */
  readonly variadic?: boolean;
  /** Its result. */
  readonly result: Type;
  /** For a list or record: the kinds inside it, if they are always the same. */
  readonly of?: Contents;
  /** One sentence, followed by more if needed. */
  readonly doc: string;
  /** A script that runs alone and shows the call. */
  readonly example: string;
  /** Errors it can raise. */
  readonly raises?: readonly ErrnoName[];
  /** The function only reads: it may be called where nothing may change. */
  readonly pure?: true;
  /** Where it may be called from; anywhere if left out. */
  readonly context?: CallContext;
  /** For a kernel function that not every release has: the feature that introduced it. */
  readonly needs?: KernelFeature;
  /**
   * For a function that reads the file named by its only argument, before the run: converts the
   * text of the file. A call of such a function is a constant, which is the contents of the file or
   * a mistake in it; `run` is never called.
   */
  readonly reads?: (text: string) => { readonly value: Value } | DataProblem;
  /** The files that the function's example reads, by path. */
  readonly exampleFiles?: Readonly<Record<string, string>>;
  /**
   * Executes the call. Raises `KernelError` for errors that a script can expect, `ScriptError` for
   * a call without a meaning.
   */
  run(context: ExecutionContext, args: Arguments): Value;
}

/** @internal */
export interface FieldSpec<T = never> {
  readonly name: string;
  readonly type: Type;
  /** For a list or record: the kinds inside it, if they are always the same. */
  readonly of?: Contents;
  readonly gives?: FromItems;
  readonly doc: string;
  get(target: T, context: ExecutionContext): Value;
  /**
   * Explains the field, for `explain thing.field`; left out if the field's value is explained
   * instead.
   */
  explain?(target: T, context: ExecutionContext): readonly string[];
}

/** @internal */
export interface MethodSpec<T = never> extends Omit<FunctionSpec, "run"> {
  readonly gives?: FromItems;
  /** Which parts of the receiver, a list or record, the method changes. */
  readonly changes?: "items" | "entries";
  run(context: ExecutionContext, target: T, args: Arguments): Value;
}

/** A type of handles: the meaning of `value.field` and `value.method(…)`. */
export interface HandleType<T = never> {
  /** The type's name in messages and patterns. */
  readonly name: string;
  /** One sentence, followed by more if needed. */
  readonly doc: string;
  /** A type with fields and methods that this type also has: `nvme` extends `device`. */
  readonly extends?: HandleType<T>;
  /**
   * The type's fields. Built at the first access: building those of all types would delay each
   * start.
   */
  readonly fields: () => readonly FieldSpec<T>[];
  /** The type's methods; none if left out. */
  readonly methods?: readonly MethodSpec<T>[];
  /** The type's methods are functions of a driver in C: messages call them functions. */
  readonly isCode?: true;
  /** Names of members that do not exist but are often tried, each with the correct spelling. */
  readonly gone?: Readonly<Record<string, string>>;
  /** The value on one line, for `print` and failed assertions. */
  format(target: T, context: ExecutionContext): string;
  /** The value as a picture or table of at most 80 columns, for `show`. The lines have no colours. */
  show?(target: T, context: ExecutionContext): Iterable<string>;
  /** Explains the value, one decision a line, for `explain`. */
  explain?(target: T, context: ExecutionContext): readonly string[];
  /**
   * True if something went wrong with the target: `explain` then names the known defects that cause
   * it.
   */
  isWrong?(target: T, context: ExecutionContext): boolean;
  /** For `wait`: the time at which the target ended. The waiting CPU continues no earlier. */
  endedNs?(target: T): number;
  /** `==`: identity when left out. */
  equals?(target: T, other: Value, context: ExecutionContext): boolean;
  /** The differences between two unequal values, one a line; for failed assertions. */
  differences?(target: T, other: T, context: ExecutionContext): readonly string[];
  /** Values of the type belong to no machine: they may be passed from one machine to another. */
  readonly portable?: boolean;
  /** Several values as one table, for `show` of a list or record of them. */
  showAll?(
    named: readonly (readonly [name: string, target: T])[],
    context: ExecutionContext,
  ): readonly string[];
  /** `value[index]`. */
  index?(target: T, index: Value, context: ExecutionContext): Value;
}

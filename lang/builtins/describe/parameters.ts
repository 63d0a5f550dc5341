/**
 * Parameters of builtins. A parameter has a name, its kinds, a sentence and a decoder that converts
 * an argument for `run`. A call compares arguments with the kinds before decoding, so a decoder
 * gets only values that fit.
 */
import type { Bytes, DmaAddr, PhysAddr, VirtAddr } from "@dmalab/runtime";
import { ScriptError, ValueError } from "../../values/script_error.ts";
import type { HandleType, ParameterSpec, Type } from "../../values/spec.ts";
import type {
  BytesValue,
  Closure,
  EnumValue,
  Handle,
  ListValue,
  Quantity,
  RangeValue,
  RecordValue,
  Value,
} from "../../values/value.ts";
import { toInt } from "../arguments.ts";

/** A parameter; `run` gets its argument as a T. */
export interface Parameter<T> extends ParameterSpec {
  /** Null if `run` takes the value itself. */
  readonly decode: ((value: Value) => T) | null;
}

/** The arguments of `run` for a list of parameters. */
export type Decoded<P extends readonly Parameter<unknown>[]> = {
  readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never;
};

function parameter<T>(
  name: string,
  type: Type | readonly Type[],
  doc: string,
  decode: ((value: never) => T) | null,
): Parameter<T> {
  return {
    name,
    type,
    doc,
    optional: false,
    named: false,
    event: false,
    decode: decode as Parameter<T>["decode"],
    otherwise: undefined,
  };
}

/** The same parameter, optional; without an argument `run` gets undefined. */
export function optional<T>(of: Parameter<T>): Parameter<T | undefined>;
/** The same parameter, optional; without an argument `run` gets `otherwise`. */
export function optional<T, D>(of: Parameter<T>, otherwise: D): Parameter<T | D>;
export function optional(of: Parameter<unknown>, otherwise?: unknown): Parameter<unknown> {
  return { ...of, optional: true, otherwise };
}

/** The same parameter, optional and passed by name only. */
export function named<T>(of: Parameter<T>): Parameter<T | undefined>;
/**
 * The same parameter, optional and passed by name only; without an argument `run` gets `otherwise`.
 */
export function named<T, D>(of: Parameter<T>, otherwise: D): Parameter<T | D>;
export function named(of: Parameter<unknown>, otherwise?: unknown): Parameter<unknown> {
  return { ...of, optional: true, named: true, otherwise };
}

const targetOf = (value: Handle) => value.target;
const nameOf = (value: EnumValue) => value.name;
const bytesOf = (value: BytesValue) => value.bytes;
/** The list's current items, which later changes of the list do not affect. */
const itemsOf = (value: ListValue) => value.walked();

/** An address, which cannot be negative. */
export function addressOf(value: Quantity): number {
  if (value.value >= 0) return value.value;
  throw new ScriptError("E0918", `An address cannot be negative: ${value.value}`);
}

/**
 * Functions that make a parameter, one for each kind. Each takes the parameter's name and the
 * sentence that describes the parameter.
 */
export const param = {
  /** An int within bounds, both included. */
  int: (name: string, doc: string, min = 0, max = Number.MAX_SAFE_INTEGER): Parameter<number> =>
    parameter(name, "int", doc, (value: number) => toInt(value, name, min, max)),
  /** Bytes, not negative. */
  size: (name: string, doc: string): Parameter<Bytes> =>
    parameter(name, "size", doc, ({ value }: Quantity) => {
      if (value >= 0) return value;
      throw new ValueError(`Cannot use ${value} bytes as ${name}`);
    }),
  phys: (name: string, doc: string): Parameter<PhysAddr> =>
    parameter(name, "phys", doc, addressOf as (value: Quantity) => PhysAddr),
  dma: (name: string, doc: string): Parameter<DmaAddr> =>
    parameter(name, "dma", doc, addressOf as (value: Quantity) => DmaAddr),
  virt: (name: string, doc: string): Parameter<VirtAddr> =>
    parameter(name, "virt", doc, addressOf as (value: Quantity) => VirtAddr),
  bytes: (name: string, doc: string): Parameter<Uint8Array> =>
    parameter(name, "bytes", doc, bytesOf),
  bool: (name: string, doc: string): Parameter<boolean> => parameter(name, "bool", doc, null),
  string: (name: string, doc: string): Parameter<string> => parameter(name, "string", doc, null),
  /** A constant's name. */
  word: (name: string, doc: string): Parameter<string> => parameter(name, "word", doc, nameOf),
  list: (name: string, doc: string): Parameter<readonly Value[]> =>
    parameter(name, "list", doc, itemsOf),
  record: (name: string, doc: string): Parameter<RecordValue> =>
    parameter(name, "record", doc, null),
  range: (name: string, doc: string): Parameter<RangeValue> => parameter(name, "range", doc, null),
  function: (name: string, doc: string): Parameter<Closure> =>
    parameter(name, "function", doc, null),
  any: (name: string, doc: string): Parameter<Value> => parameter(name, "any", doc, null),
  /** The runtime's object behind a handle of a type, or of one that extends it. */
  handle: <T>(name: string, type: HandleType<T>, doc: string): Parameter<T> =>
    parameter(name, `@${type.name}`, doc, targetOf as (value: Handle) => T),
  /** Like `handle`, but with the type's name instead of the type, for a type's own methods. */
  own: <T>(name: string, kind: `@${string}`, doc: string): Parameter<T> =>
    parameter(name, kind, doc, targetOf as (value: Handle) => T),
  /** An argument of several kinds, or one that `decode` converts in its own way. */
  of: <T>(
    name: string,
    kind: Type | readonly Type[],
    doc: string,
    decode: (value: Value) => T,
  ): Parameter<T> => parameter(name, kind, doc, decode),
};

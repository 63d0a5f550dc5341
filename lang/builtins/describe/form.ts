/**
 * Converts results of the runtime to values of the language. A form is the kind of a field or a
 * result, together with the conversion of its plain number, name or object to a value.
 */
import { typeOfHandles } from "../../values/types.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import type { Contents, HandleType, Type } from "../../values/spec.ts";
import {
  BytesValue,
  type Closure,
  Handle,
  ListValue,
  Quantity,
  type QuantityType,
  type RangeValue,
  Ratio,
  RecordValue,
  type Value,
} from "../../values/value.ts";
import { wordValue } from "../words.ts";

/** The plain form of a value of each kind. */
export interface Plains {
  readonly any: Value;
  readonly int: number;
  readonly ratio: number;
  readonly size: number;
  readonly duration: number;
  readonly phys: number;
  readonly dma: number;
  readonly virt: number;
  readonly bytes: Uint8Array;
  readonly bool: boolean;
  readonly string: string;
  readonly word: string;
  readonly list: readonly Value[];
  readonly record: Readonly<Record<string, Value>>;
  readonly range: RangeValue;
  readonly function: Closure;
}

/**
 * A form is written as a kind; as a type, for handles of that type; as `[form]`, for a list; or as
 * `{ name: form }`, for a record.
 * @internal
 */
export type Form =
  | Type
  | HandleType
  | readonly [Form]
  | { readonly [name: string]: Form };

/** The plain values that a form accepts. Null is the value `none`; "nothing" has no value. */
export type PlainOf<F> = F extends "nothing" ? void
  : F extends keyof Plains ? Plains[F] | null
  : F extends string ? Value
  : F extends HandleType<infer T> ? T | null
  : F extends readonly [infer Item] ? readonly PlainOf<Item>[] | null
  : { readonly [Name in keyof F]: PlainOf<F[Name]> } | null;

/** The steps charged for each value in an item of a list. */
const PART_STEPS = 5;

/** Makes a value from its plain form. @param context Is charged for the items of lists. */
type Make = (plain: never, context: ExecutionContext) => Value;

/**
 * Returns the maker of numbers of a kind. A kind that is missing in the table below needs no maker:
 * its value is the plain number, name or object itself.
 */
function quantity(kind: QuantityType): Make {
  return (plain: number | null) => plain === null ? null : new Quantity(kind, plain);
}

const MAKERS: Readonly<Partial<Record<Type, Make>>> = {
  nothing: () => null,
  size: quantity("size"),
  duration: quantity("duration"),
  phys: quantity("phys"),
  dma: quantity("dma"),
  virt: quantity("virt"),
  ratio: (plain: number | null) => plain === null ? null : new Ratio(plain),
  word: (name: string | null) => name === null ? null : wordValue(name),
  bytes: (bytes: Uint8Array | null) => bytes === null ? null : new BytesValue(bytes),
  list: (items: readonly Value[] | null) => items === null ? null : new ListValue(items),
  record: (entries: Readonly<Record<string, Value>> | null) =>
    entries === null ? null : new RecordValue(new Map(Object.entries(entries))),
};

function isList(form: Form): form is readonly [Form] {
  return Array.isArray(form);
}

/** Unlike a record's form, a type has a function among its entries. */
function isType(form: Form): form is HandleType {
  return typeof (form as Partial<HandleType>).format === "function";
}

/** Number of values in an item that has the given form, including the item itself. */
function partsOf(form: Form): number {
  const isRecord = typeof form === "object" && !isList(form) && !isType(form);
  return isRecord ? 1 + Object.keys(form).length : 1;
}

/** The maker of values from plain forms; null where the plain form is the value itself. */
export function makerOf(form: Form): Make | null {
  if (typeof form === "string") return MAKERS[form] ?? null;
  if (isList(form)) {
    const make = makerOf(form[0]) as ((plain: unknown, context: ExecutionContext) => Value) | null;
    const itemSteps = partsOf(form[0]) * PART_STEPS;
    return (items: readonly unknown[] | null, context: ExecutionContext) => {
      if (items === null) return null;
      if (make === null) return new ListValue(items as Value[]);
      return new ListValue(items.map((item) => {
        context.work(itemSteps);
        return make(item, context);
      }));
    };
  }
  if (isType(form)) return (target: unknown) => target === null ? null : new Handle(form, target);
  const entries = Object.entries(form).map(([name, entry]) =>
    [name, makerOf(entry) as ((plain: unknown, context: ExecutionContext) => Value) | null] as const
  );
  return (plain: Readonly<Record<string, unknown>> | null, context: ExecutionContext) =>
    plain === null ? null : new RecordValue(
      new Map(
        entries.map(([name, make]) =>
          [name, make === null ? plain[name] as Value : make(plain[name], context)] as const
        ),
      ),
    );
}

export function valueOf<const F extends Form>(
  form: F,
  plain: PlainOf<F>,
  context: ExecutionContext,
): Value {
  const make = makerOf(form) as ((plain: PlainOf<F>, context: ExecutionContext) => Value) | null;
  return make === null ? plain as Value : make(plain, context);
}

/**
 * The kind of a form's values. For a list or a record also the kinds of its items, if they are
 * known.
 */
export function kindOfForm(form: Form): { readonly type: Type; readonly of?: Contents } {
  if (typeof form === "string") return { type: form };
  if (isList(form)) {
    return form[0] === "any" ? { type: "list" } : { type: "list", of: contents(form[0]) };
  }
  return isType(form) ? { type: typeOfHandles(form) } : { type: "record", of: contents(form) };
}

function contents(form: Form): Contents {
  if (typeof form === "string") return form;
  if (isList(form)) return [contents(form[0])];
  if (isType(form)) return typeOfHandles(form);
  return Object.fromEntries(Object.entries(form).map(([name, entry]) => [name, contents(entry)]));
}

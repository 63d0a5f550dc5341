/** Fields of a type, each with its kind, its sentence, and its source in the runtime. */
import type { ExecutionContext } from "../../values/execution_context.ts";
import type { FieldSpec } from "../../values/spec.ts";
import { type Form, kindOfForm, makerOf, type PlainOf, type Plains } from "./form.ts";
import { once } from "./once.ts";

/**
 * A field without its name.
 * @internal
 */
export type Unnamed<T> = Omit<FieldSpec<T>, "name">;

/** Reads the plain form of a field's value; null means none. */
type Get<T, F> = (target: T, context: ExecutionContext) => PlainOf<F>;

/**
 * For each kind a function that makes a field of that kind, and two functions for fields of other
 * forms.
 * @internal
 */
export type FieldMakers<T> =
  & {
    readonly [K in Exclude<keyof Plains, "list" | "record" | "range" | "function">]: (
      doc: string,
      get: Get<T, K>,
    ) => Unnamed<T>;
  }
  & {
    /** A list with items of the given form. */
    list<const F extends Form>(item: F, doc: string, get: Get<T, readonly [F]>): Unnamed<T>;
    /** A record, or a handle of a type. */
    of<const F extends Form>(form: F, doc: string, get: Get<T, F>): Unnamed<T>;
  };

function field<T, F extends Form>(form: F, doc: string, get: Get<T, F>): Unnamed<T> {
  const make = makerOf(form) as
    | ((plain: PlainOf<F>, context: ExecutionContext) => ReturnType<FieldSpec<T>["get"]>)
    | null;
  return {
    ...kindOfForm(form),
    doc,
    get: make === null
      ? get as FieldSpec<T>["get"]
      : (target, context) => make(get(target, context), context),
  };
}

function fieldOf(form: Form) {
  return (doc: string, get: Get<never, Form>) => field(form, doc, get);
}

// The functions are the same for each target; only their types differ.
const MAKERS: { readonly [K in keyof FieldMakers<never>]: unknown } = {
  any: fieldOf("any"),
  int: fieldOf("int"),
  ratio: fieldOf("ratio"),
  size: fieldOf("size"),
  duration: fieldOf("duration"),
  phys: fieldOf("phys"),
  dma: fieldOf("dma"),
  virt: fieldOf("virt"),
  bytes: fieldOf("bytes"),
  bool: fieldOf("bool"),
  string: fieldOf("string"),
  word: fieldOf("word"),
  list: (item: Form, doc: string, get: Get<never, readonly [Form]>) => field([item], doc, get),
  of: field,
};

/** The fields that a type describes, by name, in their order. */
export function fieldsOf<T>(
  describe: (f: FieldMakers<T>) => Readonly<Record<string, Unnamed<T>>>,
): () => readonly FieldSpec<T>[] {
  return once(() =>
    Object.entries(describe(MAKERS as FieldMakers<T>)).map(([name, rest]) => ({ name, ...rest }))
  );
}

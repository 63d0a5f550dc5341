/** Fields of a type, each with its kind, its sentence, and what the runtime has for it. */
import type { Run } from "../../values/run.ts";
import type { FieldSpec } from "../../values/spec.ts";
import { type Form, kindOfForm, makerOf, type PlainOf, type Plains } from "./form.ts";

/** A field that waits for its name. */
type Unnamed<T> = Omit<FieldSpec<T>, "name">;

/** Reads what stands for a field's value: the plain thing, or null for none. */
type Get<T, F> = (target: T, run: Run) => PlainOf<F>;

/** One maker of fields for each kind, and one for any other form. */
export type FieldMakers<T> =
  & {
    readonly [K in Exclude<keyof Plains, "list" | "record">]: (
      doc: string,
      get: Get<T, K>,
    ) => Unnamed<T>;
  }
  & {
    /** A list of what the form says. */
    list<const F extends Form>(item: F, doc: string, get: Get<T, readonly [F]>): Unnamed<T>;
    /** A record, or a thing of a type. */
    of<const F extends Form>(form: F, doc: string, get: Get<T, F>): Unnamed<T>;
  };

function field<T, F extends Form>(form: F, doc: string, get: Get<T, F>): Unnamed<T> {
  const make = makerOf(form) as ((plain: PlainOf<F>) => ReturnType<FieldSpec<T>["get"]>) | null;
  return {
    ...kindOfForm(form),
    doc,
    get: make === null ? get as FieldSpec<T>["get"] : (target, run) => make(get(target, run)),
  };
}

const KINDS: readonly Exclude<keyof Plains, "list" | "record">[] = [
  "any",
  "int",
  "ratio",
  "size",
  "duration",
  "phys",
  "dma",
  "virt",
  "bytes",
  "bool",
  "string",
  "word",
  "range",
  "function",
];

// Only their types differ from one target to the next.
const MAKERS = {
  ...Object.fromEntries(
    KINDS.map((kind) => [kind, (doc: string, get: Get<never, Form>) => field(kind, doc, get)]),
  ),
  list: (item: Form, doc: string, get: Get<never, Form>) => field([item], doc, get as never),
  of: (form: Form, doc: string, get: Get<never, Form>) => field(form, doc, get),
} as unknown as FieldMakers<never>;

/** The fields that a type describes, by name, in their order. */
export function fieldsOf<T>(
  describe: (f: FieldMakers<T>) => Readonly<Record<string, Unnamed<T>>>,
): FieldSpec<T>[] {
  return Object.entries(describe(MAKERS as unknown as FieldMakers<T>)).map(([name, rest]) => ({
    name,
    ...rest,
  }));
}

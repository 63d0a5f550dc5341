/** Makes functions and methods: their `run` gets converted arguments and returns plain results. */
import { requireAttributes, requireFeature } from "@dmalab/runtime/kernels";
import type { ExecutionContext } from "../../values/execution_context.ts";
import type { Arguments, FunctionSpec, MethodSpec } from "../../values/spec.ts";
import { ListValue, type Maker, type Value } from "../../values/value.ts";
import { type Form, kindOfForm, makerOf, type PlainOf } from "./form.ts";
import type { Decoded, Parameter } from "./parameters.ts";

/** The parts of an entry besides its parameters, its result and its function. */
type Described = Pick<
  FunctionSpec,
  | "name"
  | "variadic"
  | "doc"
  | "example"
  | "raises"
  | "context"
  | "needs"
  | "pure"
  | "reads"
  | "exampleFiles"
>;

/** @internal */
export interface FunctionEntry<P extends readonly Parameter<unknown>[], F extends Form>
  extends Described {
  /** No parameters when left out. */
  readonly parameters?: P;
  /** The result is "nothing" when left out. */
  readonly result?: F;
  run(context: ExecutionContext, args: Decoded<P>): PlainOf<F>;
}

interface MethodEntry<T, P extends readonly Parameter<unknown>[], F extends Form>
  extends Described, Pick<MethodSpec, "gives" | "changes"> {
  readonly parameters?: P;
  readonly result?: F;
  run(context: ExecutionContext, target: T, args: Decoded<P>): PlainOf<F>;
}

type Make = (plain: unknown, context: ExecutionContext) => Value;

/** The name of the argument that states whether a call must not sleep. */
const ATOMIC_ARGUMENT = "atomic";
const ATTRS_ARGUMENT = "attrs";

/** The parameters and the result of an entry that declares none. */
const NOTHING = { parameters: [], result: "nothing" } as const;

/**
 * A check before each call: whether the release has the function, and whether the function may
 * sleep at this point.
 */
function checksCall(
  { context, name, needs, parameters }: Described & Pick<FunctionSpec, "parameters">,
): ((run: ExecutionContext, args: Arguments) => void) | null {
  const atomicAt = parameters.findIndex((parameter) => parameter.name === ATOMIC_ARGUMENT);
  const attrsAt = parameters.findIndex((parameter) => parameter.name === ATTRS_ARGUMENT);
  if (context === undefined && needs === undefined && attrsAt < 0) return null;
  return (run, args) => {
    const { machine } = run.lab;
    const values = args as readonly unknown[];
    if (needs !== undefined) requireFeature(machine, needs, name);
    if (attrsAt >= 0) requireAttributes(machine, values[attrsAt] as number);
    if (context === undefined || context === "gfp" && values[atomicAt] === true) return;
    machine.checker?.contexts.maySleep(`${name}()`);
  };
}

/** A function of the language. */
export function builtin<
  const P extends readonly Parameter<unknown>[] = readonly [],
  const F extends Form = "nothing",
>(described: FunctionEntry<P, F>): FunctionSpec {
  const entry = { ...NOTHING, ...described };
  const { type: result, of } = kindOfForm(entry.result);
  const make = makerOf(entry.result) as Make | null;
  const plain = entry.run as unknown as (context: ExecutionContext, args: Arguments) => Value;
  const check = checksCall(entry);
  const act = check === null ? plain : (context: ExecutionContext, args: Arguments): Value => {
    check(context, args);
    return plain(context, args);
  };
  return {
    ...entry,
    result,
    ...of === undefined ? {} : { of },
    run: make === null ? act : (context, args) => make(act(context, args), context),
  };
}

const ownList: Make = (items) => new ListValue(items as readonly Value[], "script");

/**
 * Makes a method of a type.
 * @internal
 */
export type MakeMethod<T> = <
  const P extends readonly Parameter<unknown>[] = readonly [],
  const F extends Form = "nothing",
>(entry: MethodEntry<T, P, F>) => MethodSpec<T>;

/**
 * Makes methods of a type. `run` gets the target of the receiver.
 *
 * @param maker The maker of the lists that the methods return: a script may change only its own
 *   lists in place.
 */
export function methodsOf<T>(maker: Maker = "machine"): MakeMethod<T> {
  return <
    const P extends readonly Parameter<unknown>[] = readonly [],
    const F extends Form = "nothing",
  >(described: MethodEntry<T, P, F>): MethodSpec<T> => {
    const entry = { ...NOTHING, ...described };
    const { type: result, of } = kindOfForm(entry.result);
    const make = maker === "script" && entry.result === "list"
      ? ownList
      : makerOf(entry.result) as Make | null;
    const plain = entry.run as unknown as (
      context: ExecutionContext,
      target: T,
      args: Arguments,
    ) => Value;
    const check = checksCall(entry);
    const act = check === null
      ? plain
      : (context: ExecutionContext, target: T, args: Arguments): Value => {
        check(context, args);
        return plain(context, target, args);
      };
    return {
      ...entry,
      result,
      ...of === undefined ? {} : { of },
      run: make === null
        ? act
        : (context, target, args) => make(act(context, target, args), context),
    };
  };
}

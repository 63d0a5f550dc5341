/** Functions and methods, with arguments as `run` wants them and results as the runtime gives them. */
import type { Run } from "../../values/run.ts";
import type { Arguments, FunctionSpec, MethodSpec } from "../../values/spec.ts";
import { ListValue, type Maker, type Value } from "../../values/value.ts";
import { type Form, kindOfForm, makerOf, type PlainOf } from "./form.ts";
import type { Decoded, Parameter } from "./parameters.ts";

/** What an entry says besides its parameters, its result and what it does. */
type Described = Pick<
  FunctionSpec,
  | "name"
  | "formerly"
  | "variadic"
  | "doc"
  | "example"
  | "raises"
  | "context"
  | "pure"
  | "reads"
  | "exampleFiles"
>;

export interface FunctionEntry<P extends readonly Parameter<unknown>[], F extends Form>
  extends Described {
  readonly parameters: P;
  readonly result: F;
  run(run: Run, args: Decoded<P>): PlainOf<F>;
}

interface MethodEntry<T, P extends readonly Parameter<unknown>[], F extends Form>
  extends Described, Pick<MethodSpec, "gives" | "changes"> {
  readonly parameters: P;
  readonly result: F;
  run(run: Run, target: T, args: Decoded<P>): PlainOf<F>;
}

type Make = (plain: unknown, run: Run) => Value;

/** The name of the argument that says that a call must not sleep. */
const ATOMIC_ARGUMENT = "atomic";

/** Has the checker look at where a call is made that may sleep. */
function checksContext(
  { context, name, parameters }: Described & Pick<FunctionSpec, "parameters">,
): ((run: Run, args: Arguments) => void) | null {
  if (context === undefined) return null;
  const at = parameters.findIndex((parameter) => parameter.name === ATOMIC_ARGUMENT);
  return (run, args) => {
    if (context === "gfp" && (args as readonly unknown[])[at] === true) return;
    run.lab.machine.checker?.contexts.maySleep(`${name}()`);
  };
}

/** A function of the language. */
export function builtin<const P extends readonly Parameter<unknown>[], const F extends Form>(
  entry: FunctionEntry<P, F>,
): FunctionSpec {
  const { kind: result, of } = kindOfForm(entry.result);
  const make = makerOf(entry.result) as Make | null;
  const plain = entry.run as unknown as (run: Run, args: Arguments) => Value;
  const check = checksContext(entry);
  const act = check === null ? plain : (run: Run, args: Arguments): Value => {
    check(run, args);
    return plain(run, args);
  };
  return {
    ...entry,
    result,
    ...of === undefined ? {} : { of },
    run: make === null ? act : (run, args) => make(act(run, args), run),
  };
}

const ownList: Make = (items) => new ListValue(items as readonly Value[], "script");

/**
 * Makes methods of a type, with what is behind the receiver as their target.
 *
 * @param maker Whose the lists are that they give: the script's may change in place.
 */
export function methodsOf<T>(maker: Maker = "machine") {
  return <const P extends readonly Parameter<unknown>[], const F extends Form>(
    entry: MethodEntry<T, P, F>,
  ): MethodSpec<T> => {
    const { kind: result, of } = kindOfForm(entry.result);
    const make = maker === "script" && entry.result === "list"
      ? ownList
      : makerOf(entry.result) as Make | null;
    const plain = entry.run as unknown as (run: Run, target: T, args: Arguments) => Value;
    const check = checksContext(entry);
    const act = check === null ? plain : (run: Run, target: T, args: Arguments): Value => {
      check(run, args);
      return plain(run, target, args);
    };
    return {
      ...entry,
      result,
      ...of === undefined ? {} : { of },
      run: make === null ? act : (run, target, args) => make(act(run, target, args), run),
    };
  };
}

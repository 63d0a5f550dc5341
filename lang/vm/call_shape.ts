/** Assigns the arguments of a call to the parameters of the callee. */
import { didYouMean } from "../diagnostics/suggest.ts";
import { type Callable, positionalParameters } from "../values/call_arguments.ts";
import type { CallShape } from "./code.ts";
import { ScriptError } from "../values/script_error.ts";
import { Closure, RecordValue, type Value } from "../values/value.ts";

/** The parameter position of each argument of a call. */
export interface ArgumentBinding {
  /** For each argument in the order of the call, its parameter's position. */
  readonly places: readonly number[];
  /** How many places the callee's argument list has. */
  readonly length: number;
}

/**
 * Binds a call's arguments to parameters: positional arguments first, then named arguments.
 *
 * @throws {ScriptError} E0917 for too many arguments, for an unknown name, or for a name that is
 *   given twice.
 */
export function bindShape(callable: Callable, shape: CallShape): ArgumentBinding {
  const { parameters } = callable;
  const positional = positionalParameters(callable);
  const last = parameters.length - 1;
  const wrong = (what: string, hint: string | null = null) =>
    new ScriptError("E0917", `\`${callable.name}\` ${what}`, hint);
  const places: number[] = [];
  for (let index = 0; index < shape.positional; index++) {
    const parameter = positional[index];
    if (parameter !== undefined) places.push(parameters.indexOf(parameter));
    else if (callable.variadic === true) places.push(last + 1 + index - positional.length);
    else {throw wrong(
        `takes at most ${positional.length} positional arguments, but got ${shape.positional}`,
      );}
  }
  for (const name of shape.named) {
    const place = parameters.findIndex((parameter) => parameter.name === name);
    if (place < 0) {
      const names = parameters.map((parameter) => parameter.name);
      const hint = didYouMean(name, names) ?? `its arguments are ${names.join(", ")}`;
      throw wrong(`has no argument \`${name}\``, hint);
    }
    if (places.includes(place)) throw wrong(`got its argument \`${name}\` twice`);
    places.push(place);
  }
  return { places, length: Math.max(parameters.length, ...places.map((place) => place + 1)) };
}

/** For `record.name(…)`: replaces the record on the stack with the function of its entry `name`. */
export function entryClosure(
  stack: (Value | undefined)[],
  shape: CallShape,
  first: number,
): boolean {
  const receiver = stack[first];
  if (!(receiver instanceof RecordValue)) return false;
  const entry = receiver.entries.get(shape.name);
  if (!(entry instanceof Closure)) return false;
  stack[first] = entry;
  return true;
}

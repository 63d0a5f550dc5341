/** Arguments of builtins: in the order of the parameters, and converted to their kinds. */
import type { Arguments, ParameterSpec, Type } from "./spec.ts";
import { isQuantity, typeOf, typeText } from "./value_types.ts";
import { describeValue, intAsQuantity, mixHint } from "./operators.ts";
import { KindError, ScriptError } from "./script_error.ts";
import { isOfType } from "./types.ts";
import { Handle, type Value } from "./value.ts";

/** The properties that functions and methods have in common, for checking arguments. */
export interface Callable {
  readonly name: string;
  readonly parameters: readonly ParameterSpec[];
  readonly variadic?: boolean;
}

function parameterAt(callable: Callable, position: number): ParameterSpec | undefined {
  const { parameters } = callable;
  if (position < parameters.length) return parameters[position];
  return callable.variadic === true ? parameters.at(-1) : undefined;
}

/** The parameters that may be given by position. */
export function positionalParameters(callable: Callable): readonly ParameterSpec[] {
  return callable.parameters.filter((parameter) => parameter.named !== true);
}

/**
 * Converts every argument to the kind of its parameter. An int becomes a size, duration or address;
 * `none` for an optional parameter leaves the argument out. The parameter's decoder then replaces
 * the value in the same array, because calls occur in loops and a new array would cost time.
 *
 * @throws {ScriptError} E0913 when a kind does not fit, E0917 when an argument is missing, and the
 *   errors of a decoder.
 */
export function convertArguments(callable: Callable, args: (Value | undefined)[]): Arguments {
  const decoded: unknown[] = args;
  for (let index = 0; index < args.length; index++) {
    const parameter = parameterAt(callable, index)!;
    const given = args[index];
    if (given === undefined && parameter.optional !== true) throw missing(callable, parameter);
    const value = given === undefined ? undefined : convert(callable, parameter, given);
    if (value === undefined) decoded[index] = parameter.otherwise;
    else decoded[index] = parameter.decode == null ? value : parameter.decode(value);
  }
  return decoded;
}

function missing(callable: Callable, parameter: ParameterSpec): ScriptError {
  return new ScriptError("E0917", `\`${callable.name}\` is missing argument \`${parameter.name}\``);
}

function convert(callable: Callable, parameter: ParameterSpec, value: Value): Value | undefined {
  const wanted = parameter.type;
  if (wanted === "any") return value;
  const type = typeOf(value);
  if (typeof wanted === "string" ? fits(wanted, type, value) : fitsOne(wanted, type, value)) {
    return value;
  }
  if (typeof value === "number") {
    const converted = convertInt(wanted, value);
    if (converted !== null) return converted;
  }
  if (value === null && parameter.optional === true) return undefined;
  throw new KindError(
    `\`${callable.name}\` wants ${describeTypes(wanted)} as \`${parameter.name}\`, ` +
      `but got ${describeValue(value)}`,
    castHint(wanted, type),
  );
}

function fits(wanted: Type, type: Type, value: Value): boolean {
  if (wanted === type || wanted === "any" || wanted === "ratio" && type === "int") return true;
  return wanted.startsWith("@") && value instanceof Handle &&
    isOfType(value.type, wanted.slice(1));
}

function fitsOne(wanted: readonly Type[], type: Type, value: Value): boolean {
  return wanted.some((one) => fits(one, type, value));
}

function convertInt(wanted: Type | readonly Type[], value: number): Value | null {
  for (const type of typeof wanted === "string" ? [wanted] : wanted) {
    if (isQuantity(type)) return intAsQuantity(value, type);
  }
  return null;
}

/** "a size", "a phys or a buffer". */
export function describeTypes(wanted: Type | readonly Type[]): string {
  return typeof wanted === "string" ? typeText(wanted) : wanted.map(typeText).join(" or ");
}

/** A hint about the correct form, for kinds that are easily confused. */
export function castHint(wanted: Type | readonly Type[], given: Type): string | null {
  for (const type of typeof wanted === "string" ? [wanted] : wanted) {
    const pair = `${type} ${given}`;
    if (pair === "dma phys" || pair === "phys dma") {
      return `write \`as ${type}\` where it is meant`;
    }
    if (type === "@buffer" && given === "list") {
      return "pass one buffer: `bio_add` adds more of them to a bio, `scatterlist` and `dma_map_sg` map several";
    }
    const hint = mixHint("call", type, given);
    const asAddress = given === "size" && (type === "phys" || type === "dma")
      ? `\`(…) as ${type}\` makes an address of a size, as in \`(0x10_0000 + 64KiB) as ${type}\``
      : null;
    const hints = [asAddress, hint].filter((each) => each !== null);
    if (hints.length > 0) return hints.join("; ");
  }
  return null;
}

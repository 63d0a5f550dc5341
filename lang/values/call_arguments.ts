/** Arguments of builtins: in the order of the parameters, of the right kinds. */
import type { Arguments, Kind, ParameterSpec } from "./spec.ts";
import { describeKind, isQuantity, kindOf } from "./kinds.ts";
import { describeValue, intAsQuantity, mixHint } from "./operators.ts";
import { ScriptError } from "./script_error.ts";
import { isOfType } from "./types.ts";
import { Handle, type Value } from "./value.ts";

/** What arguments and parameters have in common between functions and methods. */
export interface Callable {
  readonly name: string;
  readonly parameters: readonly ParameterSpec[];
  readonly variadic?: boolean;
}

/** The parameter that the argument at a position belongs to; undefined when there is none. */
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
 * Gives every argument the kind its parameter wants: an int becomes the size, duration or address
 * wanted there, and `none` for what may be left out leaves it out. What comes of it is decoded as
 * the parameter says, in the same array: calls stand in loops.
 *
 * @throws {ScriptError} E0913 when a kind does not fit, E0917 when an argument is missing, and what
 *   a decoder has against a value.
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
  const wanted = parameter.kind;
  if (wanted === "any") return value;
  const kind = kindOf(value);
  if (typeof wanted === "string" ? fits(wanted, kind, value) : fitsOne(wanted, kind, value)) {
    return value;
  }
  if (typeof value === "number") {
    const converted = convertInt(wanted, value);
    if (converted !== null) return converted;
  }
  if (value === null && parameter.optional === true) return undefined;
  throw new ScriptError(
    "E0913",
    `\`${callable.name}\` wants ${describeKinds(wanted)} as \`${parameter.name}\`, ` +
      `but got ${describeValue(value)}`,
    castHint(wanted, kind),
  );
}

function fits(wanted: Kind, kind: Kind, value: Value): boolean {
  if (wanted === kind || wanted === "any" || wanted === "ratio" && kind === "int") return true;
  return wanted.startsWith("@") && value instanceof Handle &&
    isOfType(value.type, wanted.slice(1));
}

function fitsOne(wanted: readonly Kind[], kind: Kind, value: Value): boolean {
  return wanted.some((one) => fits(one, kind, value));
}

function convertInt(wanted: Kind | readonly Kind[], value: number): Value | null {
  for (const kind of typeof wanted === "string" ? [wanted] : wanted) {
    if (isQuantity(kind)) return intAsQuantity(value, kind);
  }
  return null;
}

/** "a size", "a phys or a buffer". */
export function describeKinds(wanted: Kind | readonly Kind[]): string {
  return typeof wanted === "string" ? describeKind(wanted) : wanted.map(describeKind).join(" or ");
}

/** What to write instead, for kinds that are easily confused. */
export function castHint(wanted: Kind | readonly Kind[], given: Kind): string | null {
  for (const kind of typeof wanted === "string" ? [wanted] : wanted) {
    const pair = `${kind} ${given}`;
    if (pair === "dma phys" || pair === "phys dma") {
      return `write \`as ${kind}\` where it is meant`;
    }
    if (kind === "@buffer" && given === "list") {
      return "pass one buffer: `bio_add` adds more of them to a bio, `scatterlist` and `dma_map_sg` map several";
    }
    const hint = mixHint("call", kind, given);
    const asAddress = given === "size" && (kind === "phys" || kind === "dma")
      ? `\`(…) as ${kind}\` makes an address of a size, as in \`(0x10_0000 + 64KiB) as ${kind}\``
      : null;
    const hints = [asAddress, hint].filter((each) => each !== null);
    if (hints.length > 0) return hints.join("; ");
  }
  return null;
}

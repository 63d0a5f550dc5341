/** Checks the arguments of calls before the run: their number, their names and their kinds. */
import type { Registry } from "../../values/registry.ts";
import type { ParameterSpec, Type } from "../../values/spec.ts";
import type { DiagnosticBag, RelatedSpan } from "../../diagnostics/diagnostic.ts";
import { formatCount } from "../../text/numbers.ts";
import type {
  Argument,
  CallExpression,
  Expression,
  FunctionDeclaration,
} from "../../syntax/tree/ast.ts";
import {
  type Callable,
  castHint,
  describeTypes,
  positionalParameters,
} from "../../values/call_arguments.ts";
import { isQuantity, typeText } from "../../values/value_types.ts";
import { isOfType } from "../../values/types.ts";
import { eventsNamed, patternNames } from "../names/event_names.ts";
import type { TypeInference } from "./type_inference.ts";

/**
 * Reports arguments that do not fit the parameters of a function.
 *
 * @param declared The function's declaration; null for a builtin.
 */
export function checkArguments(
  call: CallExpression,
  callable: Callable,
  kinds: TypeInference,
  declared: FunctionDeclaration | null,
): void {
  const { bag, mismatches, registry, resolution } = kinds;
  const kindOf = ({ value }: Argument) => kinds.kindOf(value);
  const given = matchArguments(call, callable, declared, resolution.incomplete, bag);
  for (const [{ value }, { event }] of given) if (event) checkEventName(value, registry, bag);
  const wrong = [...given].filter(([argument, parameter]) =>
    !accepts(parameter, kindOf(argument), registry)
  );
  const [first, second] = wrong;
  if (
    wrong.length === 2 && accepts(first![1], kindOf(second![0]), registry) &&
    accepts(second![1], kindOf(first![0]), registry)
  ) {
    const names = `\`${first![1].name}\` and \`${second![1].name}\``;
    bag.error(
      "E0402",
      first![0].span,
      `${names} of \`${callable.name}\` are swapped`,
      signature(callable),
      [{ span: second![0].span, message: `this is \`${first![1].name}\`` }],
    );
    return;
  }
  for (const [argument, parameter] of wrong) {
    const type = kindOf(argument);
    const hint = type === "nothing" ? null : castHint(parameter.type, type);
    const error = {
      code: "E0402" as const,
      span: argument.value.span,
      message: `\`${callable.name}\` takes ${describeTypes(parameter.type)} as ` +
        `\`${parameter.name}\`, but this is ${typeText(type)}`,
      hint: hint ?? undefined,
    };
    // If an address only lacks a cast, the mistake is on this line, not on the line that made the
    // address.
    if (hint === null) mismatches.add(error, [argument.value, type]);
    else mismatches.add(error);
  }
}

function checkEventName(value: Expression, registry: Registry, bag: DiagnosticBag): void {
  if (value.kind !== "String") return;
  const [name = "", ...more] = value.parts;
  if (typeof name !== "string" || more.length > 0) return;
  if (eventsNamed(name, registry).length > 0) return;
  bag.error(
    "E0310",
    value.span,
    `No event is called "${name}"`,
    bag.didYouMean(name, patternNames(registry)) ?? "docs/events.md lists them",
  );
}

/** Finds the parameter of each argument; reports extra, unknown, repeated and missing ones. */
function matchArguments(
  call: CallExpression,
  callable: Callable,
  declared: FunctionDeclaration | null,
  /** Functions that use an unknown name: an extra argument may be meant for that name. */
  incomplete: ReadonlySet<FunctionDeclaration>,
  bag: DiagnosticBag,
): Map<Argument, ParameterSpec> {
  const { parameters } = callable;
  const positional = positionalParameters(callable);
  const given = new Map<Argument, ParameterSpec>();
  const taken = new Set<ParameterSpec>();
  let position = 0;
  for (const argument of call.arguments) {
    const parameter = argument.name === null
      ? positional[position++] ?? (callable.variadic === true ? parameters.at(-1) : undefined)
      : parameters.find(({ name }) => name === argument.name!.text);
    if (parameter === undefined) {
      if (argument.name !== null) reportUnknownName(callable, argument.name, declared, bag);
      else if (declared === null || !incomplete.has(declared)) {
        reportSurplus(call, callable, argument, declared, bag);
      }
      return given;
    }
    if (taken.has(parameter) && (argument.name !== null || callable.variadic !== true)) {
      bag.error(
        "E0306",
        argument.span,
        `\`${callable.name}\` already has a value for argument \`${parameter.name}\``,
        undefined,
        [
          ...[...given].filter(([, one]) => one === parameter)
            .map(([{ span }]) => ({ span, message: "here" })),
          ...declaredHere(declared),
        ],
      );
      return given;
    }
    taken.add(parameter);
    given.set(argument, parameter);
  }
  const missing = parameters.filter((parameter) =>
    parameter.optional !== true && !taken.has(parameter) &&
    !(callable.variadic === true && parameter === parameters.at(-1))
  );
  if (missing.length > 0) {
    const names = missing.map((parameter) => `\`${parameter.name}\``).join(", ");
    bag.error(
      "E0304",
      call.span,
      `\`${callable.name}\` is missing argument${missing.length > 1 ? "s" : ""} ${names}`,
      signature(callable),
      declaredHere(declared),
    );
  }
  return given;
}

function declaredHere(declared: FunctionDeclaration | null): readonly RelatedSpan[] {
  return declared === null ? [] : [{ span: declared.name.span, message: "declared here" }];
}

function reportSurplus(
  call: CallExpression,
  callable: Callable,
  argument: Argument,
  declared: FunctionDeclaration | null,
  bag: DiagnosticBag,
): void {
  const most = positionalParameters(callable).length;
  const count = call.arguments.filter(({ name }) => name === null).length;
  bag.error(
    "E0304",
    argument.span,
    `\`${callable.name}\` takes at most ${
      formatCount(most, "positional argument")
    }, but got ${count}`,
    signature(callable),
    declaredHere(declared),
  );
}

function reportUnknownName(
  callable: Callable,
  name: NonNullable<Argument["name"]>,
  declared: FunctionDeclaration | null,
  bag: DiagnosticBag,
): void {
  const names = callable.parameters.map((parameter) => parameter.name);
  bag.error(
    "E0305",
    name.span,
    `\`${callable.name}\` has no argument \`${name.text}\``,
    bag.didYouMean(name.text, names) ?? signature(callable),
    declaredHere(declared),
  );
}

/** How the call is written: `dma_map_phys(dev, phys, size, dir, [attrs])`. */
function signature(callable: Callable): string {
  const parts = callable.parameters.map((parameter, index) => {
    const last = index === callable.parameters.length - 1;
    const name = `${parameter.name}${parameter.named === true ? ":" : ""}` +
      `${last && callable.variadic === true ? " …" : ""}`;
    return parameter.optional === true ? `[${name}]` : name;
  });
  return `it is \`${callable.name}(${parts.join(", ")})\``;
}

/** Whether a value of this kind may be passed for the parameter. */
function accepts(parameter: ParameterSpec, given: Type, registry: Registry): boolean {
  if (given === "any") return true;
  if (given === "nothing" && parameter.optional === true) return true;
  const wanted = typeof parameter.type === "string" ? [parameter.type] : parameter.type;
  return wanted.some((type) => acceptsOne(type, given, registry));
}

function acceptsOne(wanted: Type, given: Type, registry: Registry): boolean {
  if (wanted === "any" || wanted === given) return true;
  if (given === "int") return isQuantity(wanted) || wanted === "ratio";
  if (!wanted.startsWith("@") || !given.startsWith("@")) return false;
  const type = registry.types.get(given.slice(1));
  return type === undefined || isOfType(type, wanted.slice(1));
}

/** Names of events as scripts write them. */
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type { Hint } from "../../diagnostics/suggest.ts";
import type { Registry } from "../../values/registry.ts";
import type { Expression, FieldExpression } from "../../syntax/tree/ast.ts";

/** `iotlb.sync` written as a name with fields; null for any other expression. */
export function eventNameOf(expression: Expression): string | null {
  if (expression.kind === "Name") return expression.name;
  if (expression.kind !== "Field") return null;
  const object = eventNameOf(expression.object);
  return object === null ? null : `${object}.${expression.field.text}`;
}

/**
 * The events that a name in a pattern means. An event's name means that event. `iommu.*` means all
 * events with the prefix `iommu.`. The bare name of a kernel function means `call.NAME`. Empty if
 * there is no such event.
 */
export function eventsNamed(name: string, registry: Registry): readonly string[] {
  if (name.endsWith(".*")) {
    const prefix = name.slice(0, -1);
    return registry.eventNames.filter((event) => event.startsWith(prefix));
  }
  if (registry.eventNames.includes(name)) return [name];
  return registry.kernelCalls.has(name) ? [`call.${name}`] : [];
}

export function patternNames(registry: Registry): readonly string[] {
  const groups = new Set(
    registry.eventNames.filter((name) => name.includes("."))
      .map((name) => `${name.slice(0, name.indexOf("."))}.*`),
  );
  return [
    ...registry.eventNames.filter((name) => !/^(call|ret)\./.test(name)),
    ...registry.kernelCalls,
    ...groups,
    ...registry.eventNames.filter((name) => /^(call|ret)\./.test(name)),
  ];
}

/**
 * The event name that was probably meant by an expression that reads a field, such as `iommu.mpa`.
 */
export function meantEvent(
  expression: FieldExpression,
  registry: Registry,
  bag: DiagnosticBag,
): Hint | undefined {
  const name = eventNameOf(expression);
  const dot = name?.indexOf(".") ?? -1;
  if (name === null || dot < 0) return undefined;
  const group = name.slice(0, dot + 1);
  return bag.didYouMean(name, registry.eventNames.filter((event) => event.startsWith(group)));
}

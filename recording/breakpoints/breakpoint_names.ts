/** The events at which a breakpoint stops, and their fields, which its expressions can use. */
import { fieldsNamed, fieldType, type Type } from "@dmalab/lang/values";
import type { OwnNames } from "../evaluator.ts";
import { functionLocation } from "../places.ts";
import type { Recording } from "../recording.ts";
import type { BreakpointTrigger } from "./breakpoint.ts";

const INCIDENT_EVENTS = { fault: "iommu.fault", report: "dma.report", warning: "kernel.warn" };

/** The events at which a breakpoint stops, by name; empty for other kinds of breakpoints. */
export function eventsOf(
  { evaluator: { registry } }: Recording,
  cause: BreakpointTrigger,
): string[] {
  const { eventNames } = registry;
  switch (cause.kind) {
    case "event":
      return cause.names.flatMap((name) =>
        [name, `call.${name}`].find((each) => eventNames.includes(each)) ?? []
      );
    case "incident":
      return cause.of.map((each) => INCIDENT_EVENTS[each]);
    default:
      return [];
  }
}

/**
 * The trigger that a name means: an event, a call of the kernel, or a function of the script or of
 * C; null without a trigger of that name.
 */
export function causeNamed(recording: Recording, name: string): BreakpointTrigger | null {
  const cause = { kind: "event", names: [name] } as const;
  if (eventsOf(recording, cause).length > 0) return cause;
  const place = functionLocation(recording, name);
  return place === null ? null : { kind: "line", ...place };
}

export function fieldsOf(recording: Recording, cause: BreakpointTrigger): OwnNames {
  const { registry } = recording.evaluator;
  const events = eventsOf(recording, cause);
  const specs = new Map(registry.types.get("event")!.fields().map((each) => [each.name, each]));
  const kinds = new Map<string, Type>();
  for (const event of events) {
    for (const name in { ...registry.commonFields, ...registry.eventFields(event) }) {
      const own = new Set(fieldsNamed(events, name, registry).map(fieldType));
      const [type = "any"] = own.size === 1 ? own : [];
      kinds.set(name, specs.get(name)?.type === "string" ? "string" : type);
    }
  }
  return {
    kinds,
    valueAt({ position: { seq }, vm }) {
      const event = recording.event(seq);
      return (name) => specs.get(name)!.get(event as never, vm);
    },
  };
}

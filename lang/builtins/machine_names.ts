/** The names that a machine binds, with their values and types. */
import type { DeviceRegistry, Lab, LabConfig, PciNodeConfig } from "@dmalab/devices";
import type { EventRecorder, MachineEvent } from "@dmalab/runtime";
import type { ExecutionContext } from "../values/execution_context.ts";
import { Handle, type Value } from "../values/value.ts";
import { isHandle } from "./arguments.ts";
import type { Type } from "../values/spec.ts";
import { deviceValue, nodeType } from "./node_types.ts";
import { COUNTERS } from "./types/counters.ts";
import { DEVICE } from "./types/device.ts";
import { IO } from "./types/nvme/io.ts";
import { IOMMU } from "./types/dma/iommu.ts";
import { REGION } from "./types/region.ts";
import { REQUEST, requestEvents } from "./types/nvme/request.ts";
import { SWIOTLB } from "./types/dma/swiotlb.ts";
import { TRACE, type Trace } from "./types/trace.ts";

/** All events so far: grows while the machine runs. */
class AllEvents implements Trace {
  constructor(readonly lab: Lab, readonly recorder: EventRecorder) {}

  get events(): readonly MachineEvent[] {
    return this.recorder.events;
  }

  get spanNs(): number {
    return this.lab.machine.clock.latestNs;
  }
}

/** The values of the names that a machine binds. */
export function globalsOf(lab: Lab, recorder: EventRecorder): ReadonlyMap<string, Value> {
  const globals = new Map<string, Value>([
    ["iommu", new Handle(IOMMU, lab.machine)],
    ["swiotlb", new Handle(SWIOTLB, lab.machine.swiotlb)],
    ["counters", new Handle(COUNTERS, lab.machine.events)],
    ["events", new Handle(TRACE, new AllEvents(lab, recorder))],
  ]);
  for (const region of lab.config.regions) globals.set(region.name, new Handle(REGION, region));
  for (const node of allNodes(lab.config.pci)) {
    const device = lab.devices.get(node.name);
    globals.set(
      node.name,
      device === undefined
        ? new Handle(nodeType(node.kind, lab.registry), node)
        : deviceValue(device, lab.registry),
    );
  }
  return globals;
}

function* allNodes(nodes: readonly PciNodeConfig[]): Generator<PciNodeConfig> {
  for (const node of nodes) {
    yield node;
    yield* allNodes(node.children);
  }
}

/** The types of the names that a machine of this configuration binds. */
export function globalTypes(
  config: LabConfig,
  registry: DeviceRegistry,
): ReadonlyMap<string, Type> {
  const kinds = new Map<string, Type>([
    ["iommu", `@${IOMMU.name}`],
    ["swiotlb", `@${SWIOTLB.name}`],
    ["counters", `@${COUNTERS.name}`],
    ["events", `@${TRACE.name}`],
  ]);
  for (const region of config.regions) kinds.set(region.name, `@${REGION.name}`);
  for (const node of allNodes(config.pci)) {
    kinds.set(node.name, `@${nodeType(node.kind, registry).name}`);
  }
  return kinds;
}

/**
 * The events that a value contains, for `expect events … in x`; null if the value contains no
 * events.
 */
export function eventsOf(value: Value, context: ExecutionContext): readonly MachineEvent[] | null {
  if (isHandle(value, IO)) return requestEvents(value.target.requests, context);
  if (isHandle(value, REQUEST)) return requestEvents([value.target], context);
  if (isHandle(value, TRACE)) return value.target.events;
  if (isHandle(value, DEVICE)) {
    const { name } = value.target;
    return context.recorder.events.filter((event) => event.device === name);
  }
  return null;
}

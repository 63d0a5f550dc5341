/** Peer-to-peer routes: how devices reach each other's memory. */
import {
  acsPresent,
  type AcsService,
  isAcsService,
  type PciFunction,
  readPeerChoice,
} from "@dmalab/devices";
import { errnoName, type EventFields, type KernelCall, KernelError } from "@dmalab/runtime";
import { type Call, callOf } from "@dmalab/runtime/dma";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { ValueError } from "../../values/script_error.ts";
import { EnumValue, type Value } from "../../values/value.ts";
import { isHandle, toItems, wrongType } from "../arguments.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { DEVICE } from "../types/device.ts";
import { deviceValue } from "../node_types.ts";
import { PORT } from "../types/pci/port.ts";
import { TOPOLOGY } from "../types/pci/topology.ts";
import { kernelCall } from "./kernel_call.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";

/** A machine for examples: a disk and a provider below one switch. */
export const PEER_MACHINE = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { switch sw0 {
    nvme ssd { queues = 1 }
    nvme cmb { queues = 1, p2pmem = 2MiB }
  } } }
}
`;

const MAP_TYPE = callOf("pci_p2pdma_map_type");
const DISTANCE = callOf("pci_p2pdma_distance");
const FIND = callOf("pci_p2pmem_find");

/**
 * Adds events for a call and its return. Only calls from a script are events. Queries of the
 * topology by the kernel's own layers are not.
 *
 * @param device The device of the query: the device that would do the DMA, or that has the memory.
 */
export function calling<C extends KernelCall, T>(
  context: ExecutionContext,
  ids: Call<C>,
  device: string | null,
  args: EventFields<`call.${C}`>,
  work: () => T,
  end: (value: T) => EventFields<`ret.${C}`>,
): T {
  const { events } = context.lab.machine;
  const outer = events.context.enterDevice(device);
  if (events.tick(ids.call)) events.emit(ids.call, args);
  const value = work();
  if (events.tick(ids.ret)) events.emit(ids.ret, end(value));
  events.context.leaveDevice(outer);
  return value;
}

function deviceNamed(context: ExecutionContext, name: string): Value {
  return deviceValue(context.lab.devices.get(name)!, context.lab.registry);
}

/**
 * The PCI functions that a value refers to; their ACS is used. A device means its function. The
 * name of a port means that port. The name of a switch means all its downstream ports.
 */
function toFunctions(context: ExecutionContext, at: Value): readonly PciFunction[] {
  const { functions } = context.lab.topology;
  if (isHandle(at, DEVICE)) return [at.target.function];
  const name = isHandle(at, PORT) ? at.target.name : at;
  if (typeof name !== "string") throw wrongType(at, "at", "a device, a port or the name of one");
  const found = functions.filter((func) =>
    func.name === name ||
    (func.role === "downstream_port" && func.upstream?.name === `${name}.up`)
  );
  if (found.length > 0) return found;
  throw new ValueError(
    `No function of the PCI tree is called "${name}"`,
    `one of ${functions.map((func) => func.name).join(", ")}`,
  );
}

function toServices(value: Value): readonly AcsService[] {
  return toItems(value, "services").map((item) => {
    if (item instanceof EnumValue && isAcsService(item.name)) return item.name;
    throw wrongType(item, "a part of services", "an access control service");
  });
}

export const P2P_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "topology",
    pure: true,
    result: TOPOLOGY,
    doc: "The PCI tree; `show topology()` draws it.",
    example: `${PEER_MACHINE}assert topology().devices == ["ssd", "cmb"]\nshow topology()`,
    run: (context) => context.lab,
  }),
  kernelCall("pci_p2pdma_map_type", {
    result: "word",
    doc: "How the client reaches the provider's memory: bus_addr, thru_host_bridge or " +
      "not_supported. The result is cached.",
    example: `${PEER_MACHINE}assert pci_p2pdma_map_type(cmb, ssd) == bus_addr`,
    run(context, [from, to]) {
      return calling(
        context,
        MAP_TYPE,
        to.name,
        { provider: from.name, client: to.name },
        () => context.lab.topology.routes.kind(from.function, to.function),
        (kind) => ({ result: kind, error: null }),
      );
    },
  }),
  kernelCall("pci_p2pdma_distance", {
    result: "int",
    doc:
      "The sum of the distances to the clients, smaller is nearer; none if a client cannot reach " +
      "the memory. It is always recomputed; the result is cached for pci_p2pdma_map_type().",
    example: `${PEER_MACHINE}assert pci_p2pdma_distance(cmb, [ssd]) == 4`,
    run(context, [from, to, verbose]) {
      const functions = to.map((device) => device.function);
      const distance = calling(
        context,
        DISTANCE,
        from.name,
        { provider: from.name, clients: to.map((device) => device.name) },
        () => context.lab.topology.routes.distance(from.function, functions, verbose),
        (value) => ({ result: value, error: null }),
      );
      return distance < 0 ? null : distance;
    },
  }),
  kernelCall("pci_p2pmem_find", {
    result: "@device",
    doc:
      "The published provider nearest to all clients, a random one if several are equally near; " +
      "none if no provider is reachable by all. It takes a reference on the device: drop it with " +
      "pci_dev_put().",
    example: `${PEER_MACHINE}assert pci_p2pmem_find([ssd]) == cmb\npci_dev_put(cmb)`,
    run(context, [to]) {
      const { routes } = context.lab.topology;
      const found = calling(
        context,
        FIND,
        null,
        { clients: to.map((device) => device.name) },
        () => routes.find(to.map((device) => device.function), context.lab.machine.random),
        (value) => ({ result: value?.func.name ?? null, error: null }),
      );
      return found === null ? null : deviceNamed(context, found.func.name);
    },
  }),
  builtin({
    name: "pci_dev_put",
    parameters: [param.handle("dev", DEVICE, "A device that pci_p2pmem_find returned.")],
    doc: "Drops the reference that pci_p2pmem_find took.",
    example: `${PEER_MACHINE}let found = pci_p2pmem_find([ssd])\n` +
      `assert p2pmem(found).device_references == 1\npci_dev_put(found)\n` +
      `assert p2pmem(cmb).device_references == 0`,
    run(context, [device]) {
      const provider = context.lab.topology.providers.everOf(device.function);
      if (provider === null || provider.deviceReferences === 0) {
        throw new ValueError(`There is no reference to ${device.name} to release`);
      }
      provider.deviceReferences--;
    },
  }),
  builtin({
    name: "pci_p2pdma_enable_store",
    parameters: [
      param.string(
        "text",
        "What an administrator writes: a PCI address, or yes or no.",
      ),
    ],
    result: "record",
    doc: "Parses an administrator's setting: whether to use peer memory, and optionally of which " +
      "device, as { enabled, provider }.",
    example: `${PEER_MACHINE}let choice = pci_p2pdma_enable_store("0000:04:00.0")
assert choice.enabled and choice.provider == cmb
assert pci_p2pdma_enable_store("off") == { enabled: false, provider: none }
pci_p2pdma_enable_store("0000:7f:00.0") fails ENODEV`,
    raises: ["ENODEV", "EINVAL"],
    run(context, [text]) {
      const choice = readPeerChoice(context.lab.topology, text);
      if (typeof choice === "number") {
        throw new KernelError(
          errnoName(choice),
          `"${text}" is neither a device that publishes memory nor yes or no`,
        );
      }
      const { enabled, provider } = choice;
      return { enabled, provider: provider === null ? null : deviceNamed(context, provider.name) };
    },
  }),
  builtin({
    name: "set_acs",
    parameters: [
      param.of(
        "at",
        ["@device", "@port", "string"],
        'A device, a root port, a switch (all its ports), or a port by name: "sw0.down0".',
        (at) => at,
      ),
      param.of(
        "services",
        "list",
        "The ACS services to enable; all others are disabled.",
        toServices,
      ),
    ],
    doc: "Changes the ACS bits of a running machine. Routes that the kernel has cached do not " +
      "change.",
    example: `${PEER_MACHINE}assert pci_p2pdma_map_type(cmb, ssd) == bus_addr
set_acs("sw0.down1", [request_redirect])
assert pci_p2pdma_map_type(cmb, ssd) == bus_addr
assert pci_p2pdma_distance(cmb, [ssd]) == none
assert pci_p2pdma_map_type(cmb, ssd) == not_supported`,
    run(context, [at, on]) {
      for (const func of toFunctions(context, at)) func.acs = acsPresent(on);
    },
  }),
];

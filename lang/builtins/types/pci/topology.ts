/** The PCI tree as a picture. */
import {
  findRoute,
  type Lab,
  type PciIommuGroup,
  type PciNodeConfig,
  type PeerRoute,
  redirectChange,
  settingOf,
  switchedOn,
} from "@dmalab/devices";
import { clip, PICTURE_COLUMNS } from "../../../text/columns.ts";
import { formatCount, formatSize } from "../../../text/numbers.ts";
import { SERVICE_LETTERS } from "../../explain/route_story.ts";
import type { HandleType } from "../../../values/spec.ts";
import { DEVICE } from "../device.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { param } from "../../describe/parameters.ts";
import type { PlainOf } from "../../describe/form.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { peerStory } from "../../explain/peer_answer.ts";

const CHANGE = {
  functions: ["string"],
  parameter: "string",
  map_type: "word",
  distance: "int",
  groups_before: [["string"]],
  groups_after: [["string"]],
} as const;

export const PEER_ROUTE: HandleType<PeerRoute> = {
  name: "peer_route",
  doc: "The route from a client to a provider's memory, recomputed; `explain` gives the reason.",
  fields: fieldsOf<PeerRoute>((f) => ({
    provider: f.string("The device with the memory.", (route) => route.provider.name),
    client: f.string("The device that accesses it.", (route) => route.client.name),
    distance: f.int("Hops from both up to the common bridge.", (route) => route.distance),
    map_type: f.word(
      "The result: bus_addr, thru_host_bridge or not_supported.",
      (route) => route.mapType,
    ),
    hops: f.list(
      "string",
      "The names along the route, from the provider to the client.",
      (route) => route.hops,
    ),
    common_bridge: f.string(
      "The nearest bridge above both; none if there is none.",
      (route) => route.commonBridge?.name ?? null,
    ),
    redirecting: f.list(
      "string",
      "Names of functions on the route whose ACS redirects peer traffic to the root complex.",
      (route) => route.redirecting.map(({ name }) => name),
    ),
    uncertain: f.list(
      "string",
      "Names of functions on the route of which the ACS state is unknown.",
      (route) => route.uncertain.map(({ name }) => name),
    ),
    change: f.of(
      CHANGE,
      "The smallest ACS change that keeps the route below the common bridge: { functions, " +
        "parameter, map_type, distance, groups_before, groups_after }; none when there is none.",
      changeOf,
    ),
  })),
  format: ({ provider, client, mapType, distance }) =>
    `${provider.name} to ${client.name}: ${mapType}, distance ${distance}`,
  show: peerStory,
  explain: peerStory,
};

function changeOf(route: PeerRoute, context: ExecutionContext): PlainOf<typeof CHANGE> {
  const { cpu, functions } = context.lab.topology;
  const change = redirectChange(route, functions, cpu);
  if (change === null) return null;
  return {
    functions: change.functions.map(({ name }) => name),
    parameter: change.parameter,
    map_type: change.after.mapType,
    distance: change.after.distance,
    groups_before: groupNames(change.groupsBefore),
    groups_after: groupNames(change.groupsAfter),
  };
}

function groupNames(groups: readonly PciIommuGroup[]): readonly (readonly string[])[] {
  return groups.map(({ functions }) => functions.map(({ name }) => name));
}

const method = methodsOf<Lab>();

export const TOPOLOGY: HandleType<Lab> = {
  name: "topology",
  doc: "The PCI hierarchy: host bridges, ports, switches, functions.",
  fields: fieldsOf<Lab>((f) => ({
    devices: f.list("string", "The names of the devices.", (lab) => [...lab.devices.keys()]),
    groups: f.list(
      ["string"],
      "The IOMMU groups, each with the names of its functions.",
      (lab) => groupNames(lab.topology.groups),
    ),
    routes_computed: f.int(
      "How often the kernel computed a route between peers.",
      (lab) => lab.topology.routes.computed,
    ),
    routes_remembered: f.int(
      "How often it used a cached route.",
      (lab) => lab.topology.routes.remembered,
    ),
  })),
  methods: [
    method({
      name: "route",
      parameters: [
        param.handle("provider", DEVICE, "The provider: the device with the memory."),
        param.handle("client", DEVICE, "The device that reads or writes it."),
      ],
      result: PEER_ROUTE,
      doc: "How the client would reach the provider's memory, whether or not it has any.",
      example: `machine {
  pci { root_port rp0 { switch sw0 { acs = [request_redirect]
    nvme ssd { queues = 1 }
    endpoint gpu { bar = 64MiB }
  } } }
}
let route = topology().route(gpu, ssd)
assert route.map_type == not_supported
let ports = "0000:02:00.0;0000:02:01.0"
assert route.change.parameter == "pci=disable_acs_redir={ports}"
explain route`,
      run: (_run, lab, [provider, client]) =>
        findRoute(provider.function, client.function, lab.topology.cpu),
    }),
  ],
  format: (lab) => `PCI tree with ${formatCount(lab.devices.size, "device")}`,
  show: (lab) =>
    lab.config.pci.length === 0
      ? ["the machine has no PCI devices"]
      : ["pci", ...branches(lab, lab.config.pci, "")],
};

/** A line for each block, drawn below its parent. */
function branches(lab: Lab, nodes: readonly PciNodeConfig[], indent: string): string[] {
  return nodes.flatMap((node, index) => {
    const last = index === nodes.length - 1;
    const line = `${indent}${last ? "└─" : "├─"} ${nodeText(lab, node)}`;
    return [
      clip(line, PICTURE_COLUMNS),
      ...branches(lab, node.children, `${indent}${last ? "   " : "│  "}`),
    ];
  });
}

function nodeText(lab: Lab, node: PciNodeConfig): string {
  const acs = settingOf(node, "acs") ?? [];
  const p2pmemBytes = settingOf(node, "p2pmemBytes") ?? 0;
  const func = lab.topology.find(node.name) ?? lab.topology.find(`${node.name}.up`);
  const address = func?.address;
  const facts = [lab.registry.blocks.get(node.kind)!.title];
  if (address !== undefined) facts.push(String(address));
  if (settingOf(node, "external")) facts.push("external");
  if (settingOf(node, "whitelisted")) facts.push("on the kernel's list");
  if (acs === "unknown") facts.push("acs unknown");
  else if (acs.length > 0) {
    const services = switchedOn(acs, settingOf(node, "acsCapable"));
    facts.push(`acs ${services.map((service) => SERVICE_LETTERS[service]).join(" ")}`);
  }
  if (p2pmemBytes > 0) facts.push(`${formatSize(p2pmemBytes)} for peers`);
  return `${node.name}   ${facts.join(", ")}`;
}

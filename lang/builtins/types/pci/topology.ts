/** The PCI tree as a picture. */
import { findRoute, switchedOn } from "@dmalab/devices/pci";
import { type Lab, type PciNodeConfig, settingOf } from "@dmalab/devices";
import { clip, PICTURE_COLUMNS } from "../../../text/columns.ts";
import { formatCount, formatSize } from "../../../text/numbers.ts";
import { SERVICE_LETTERS } from "../../explain/route_story.ts";
import type { HandleType } from "../../../values/spec.ts";
import { DEVICE } from "../device.ts";
import { groupNames, PEER_ROUTE } from "./peer_route.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { param } from "../../describe/parameters.ts";

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

/** A line for each block, drawn below the one it stands in. */
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

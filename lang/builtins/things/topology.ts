/** The PCI tree as a picture. */
import type { Lab } from "../../../devices/lab.ts";
import type { PciNodeConfig } from "../../../devices/lab_config.ts";
import { clip, PICTURE_COLUMNS } from "../../render/columns.ts";
import { formatCount, formatSize } from "../../render/numbers.ts";
import { list } from "../arguments.ts";
import type { TypeSpec } from "../spec.ts";

/** What a block is called in the picture. */
const KINDS: Readonly<Record<PciNodeConfig["kind"], string>> = {
  host_bridge: "host bridge",
  root_port: "root port",
  switch: "switch",
  port: "port",
  bridge: "bridge",
  device: "device",
  nvme: "nvme",
  endpoint: "endpoint",
};

export const TOPOLOGY: TypeSpec<Lab> = {
  name: "topology",
  doc: "How the devices hang together: host bridges, ports, switches, functions.",
  fields: [
    {
      name: "devices",
      kind: "list",
      doc: "The names of the devices.",
      get: (lab) => list([...lab.devices.keys()]),
    },
  ],
  methods: [],
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
  const { settings } = node;
  const address = lab.topology.find(node.name)?.address;
  const facts = [KINDS[node.kind]];
  if (address !== undefined) facts.push(String(address));
  if (settings.external) facts.push("external");
  if (settings.whitelisted) facts.push("on the kernel's list");
  if (settings.acs === "unknown") facts.push("acs unknown");
  else if (settings.acs?.length) facts.push(`acs ${settings.acs.join(" ")}`);
  if (settings.p2pmemBytes) facts.push(`${formatSize(settings.p2pmemBytes)} for peers`);
  return `${node.name}   ${facts.join(", ")}`;
}

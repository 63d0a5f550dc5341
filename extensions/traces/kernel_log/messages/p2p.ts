/** Messages about DMA between devices. @see rules/traces.md T.54, rules/p2p.md */
import type { MessageArea } from "./message.ts";

/** Bits of Access Control Services that send a request of one device to another up to the root. */
const REDIRECTS: ReadonlySet<string> = new Set(["ReqRedir", "CmpltRedir", "UpstreamFwd"]);

function acsText(bits: string): string {
  const on = bits.split(/\s+/).filter((bit) => bit.endsWith("+")).map((bit) => bit.slice(0, -1));
  if (on.length === 0) return "no bit is on";
  return `on: ${on.join(", ")}; ${
    on.some((bit) => REDIRECTS.has(bit))
      ? "requests from one device below to another go up to the root, and through its IOMMU if one translates"
      : "none of them redirects requests between devices"
  }`;
}

export const P2P: MessageArea = {
  name: "peer-to-peer",
  page: "rules/traces.md T.54",
  words: ["peer-to-peer", "P2PDMA", "p2pdma", "ACS redirect", "ACSCtl"],
  rows: [
    {
      kind: "p2pdma",
      forms: [
        "{client}: ACS redirect is set between the client and provider ({provider=paren_text})",
      ],
      always: { verdict: "acs_redirect", bridges: [] },
      more: [{
        form: "pci=disable_acs_redir={bridges}",
        add: ({ bridges }, facts) => ({
          ...facts,
          bridges: String(bridges).split(";").filter((name) => name !== ""),
        }),
      }],
      condition:
        "The two have a common upstream bridge, and ACS of a bridge on the path sends requests up to the root",
      role: "report",
      means:
        "ACS of a bridge between the two redirects requests upstream: peer-to-peer works through the host bridge or not at all",
      next: [
        "switch the redirect off for this path: the next line of the log has the parameter (pci=disable_acs_redir=); the two devices then share an IOMMU group",
      ],
    },
    {
      kind: "p2pdma",
      forms: [
        "{client}: cannot be used for peer-to-peer DMA as the client and provider ({provider=paren_text}) do not share",
      ],
      always: { verdict: "not_supported" },
      condition:
        "The path goes through the host bridge (no common bridge, or ACS redirects), which is not in the list of the kernel",
      role: "report",
      means:
        "The path between the two goes through the host bridge, which the kernel's list does not have. Without the line `ACS redirect is set` before it they have no common bridge",
      next: [
        "`dmalab topology` on the machine's lspci output shows which devices can reach each other",
      ],
    },
    {
      kind: "p2pdma",
      forms: [
        "{client}{? (unnamed)?}: cannot be used for peer-to-peer DMA as it is not a PCI device",
      ],
      always: { verdict: "not_pci" },
      condition: "No parent of the client is a PCI device",
      role: "report",
      means: "Only PCI devices can use peer memory",
      next: ["give the mapping to a PCI device, or use system memory for this client"],
    },
    {
      kind: "p2pdma",
      forms: ["{bridge}: Host bridge not in P2PDMA whitelist: {vendor=pci_id}:{device_id=pci_id}"],
      always: { verdict: "host_bridge_not_listed" },
      condition: "The first device of the root bus is not in the list of the kernel",
      role: "report",
      means:
        "The kernel does not know whether this host bridge routes between its ports, and refuses",
      next: [
        "put both devices below one PCI Express switch; otherwise the data goes through system memory",
      ],
    },
    {
      kind: "p2pdma",
      forms: ["{provider}: added peer-to-peer DMA memory {start}-{end}"],
      always: { verdict: "provider_added" },
      condition: "A driver registered a BAR, or a part of it, as peer memory",
      role: "report",
      means: "No fault: the device offers this memory to its peers",
      next: [
        "nothing to do: `dmalab explain pci_p2pdma_map_type` has what the kernel asks before it maps such memory",
      ],
    },
    {
      kind: "state",
      forms: ["{register~ACSCap|ACSCtl}: {bits=aer_bits}"],
      role: "state",
      means: ({ bits, register }) =>
        register === "ACSCap"
          ? "What a port can do of Access Control Services, as lspci prints it"
          : `Access Control Services of a port, as lspci prints them: ${acsText(String(bits))}`,
    },
    {
      kind: "p2pdma",
      forms: [
        "PCI device has no peer-to-peer memory: {rest}",
        "pci-p2pdma: No such PCI device: {rest}",
        "{task}: fail, attempted {~private mapping|mapping with non-zero offset}",
      ],
      always: { verdict: "no_memory" },
      condition:
        "An attribute names a device without published peer memory, or a mapping of peer memory with wrong flags or offset",
      role: "report",
      means: "Peer memory was asked for that no device has, or in a way that it cannot be mapped",
      next: [
        "look which devices publish peer memory: /sys/bus/pci/devices/*/p2pmem/available; map it as a whole, shared, from offset 0",
      ],
    },
  ],
};

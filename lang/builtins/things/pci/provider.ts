/** What a device lends to its peers. */
import type { PeerProvider } from "../../../../devices/pci/peers/peer_provider.ts";
import { pairLines } from "../../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { list, phys, record, size, word } from "../../arguments.ts";
import type { TypeSpec } from "../../../values/spec.ts";

export const P2PMEM: TypeSpec<PeerProvider> = {
  name: "p2pmem",
  doc: "The memory that a device lends to its peers, and how far it has come with that.",
  fields: [
    {
      name: "state",
      kind: "word",
      doc: "How far it has come: initialised, unpublished, published, unbinding or unbound.",
      get: (provider) => word(provider.state),
    },
    { name: "size", kind: "size", doc: "All of it.", get: (provider) => size(provider.sizeBytes) },
    {
      name: "available",
      kind: "size",
      doc: "What can still be had.",
      get: (provider) => size(provider.availableBytes),
    },
    {
      name: "published",
      kind: "bool",
      doc: "Whether pci_p2pmem_find offers it.",
      get: (provider) => provider.state === "published",
    },
    {
      name: "references",
      kind: "int",
      doc: "What keeps the driver from leaving: allocations, and pages that users have mapped.",
      get: (provider) => provider.references,
    },
    {
      name: "device_references",
      kind: "int",
      doc: "References to the device that pci_p2pmem_find handed out.",
      get: (provider) => provider.deviceReferences,
    },
    {
      name: "ranges",
      kind: "list",
      doc: "The parts of BARs that it consists of: a list of { bar, phys, size }.",
      get: (provider) =>
        list(
          provider.ranges.map(({ bar, basePhys, sizeBytes }) =>
            record({ bar: bar.index, phys: phys(basePhys), size: size(sizeBytes) })
          ),
        ),
    },
  ],
  methods: [],
  format: (provider) => `${formatSize(provider.sizeBytes)} of ${provider.func.name} for peers`,
  show: (provider) => [
    `memory that ${provider.func.name} lends to peers`,
    ...pairLines([
      ["state", provider.state],
      ["available", `${formatSize(provider.availableBytes)} of ${formatSize(provider.sizeBytes)}`],
      ["references", formatCount(provider.references, "reference")],
      ...provider.ranges.map(({ bar, basePhys, sizeBytes }): [string, string] => [
        `BAR ${bar.index}`,
        `${formatSize(sizeBytes)} at ${formatAddress(basePhys)}, on the bus at ${
          formatAddress(provider.busAddress(basePhys))
        }`,
      ]),
    ]),
  ],
};

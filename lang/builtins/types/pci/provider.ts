/** What a device lends to its peers. */
import type { PeerProvider } from "@dmalab/devices/pci";
import { pairLines } from "../../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import type { HandleType } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

export const P2PMEM: HandleType<PeerProvider> = {
  name: "p2pmem",
  doc: "A provider: the memory that a device offers to its peers, and its state.",
  fields: fieldsOf<PeerProvider>((f) => ({
    state: f.word(
      "Its state: initialised, unpublished, published, unbinding or unbound.",
      (provider) => provider.state,
    ),
    size: f.size("Its total size.", (provider) => provider.sizeBytes),
    available: f.size("Bytes that are free.", (provider) => provider.availableBytes),
    published: f.bool(
      "Whether pci_p2pmem_find offers it.",
      (provider) => provider.state === "published",
    ),
    references: f.int(
      "References that an unbind waits for: allocations, and pages that programs have mapped.",
      (provider) => provider.references,
    ),
    device_references: f.int(
      "References on the device that pci_p2pmem_find() took.",
      (provider) => provider.deviceReferences,
    ),
    ranges: f.list(
      { bar: "int", phys: "phys", size: "size" },
      "The parts of BARs that belong to it: a list of { bar, phys, size }.",
      (provider) =>
        provider.ranges.map(({ bar, basePhys, sizeBytes }) => ({
          bar: bar.index,
          phys: basePhys,
          size: sizeBytes,
        })),
    ),
  })),
  methods: [],
  format: (provider) => `${formatSize(provider.sizeBytes)} of ${provider.func.name} for peers`,
  show: (provider) => [
    `peer memory of ${provider.func.name}`,
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

import { command } from "@dmalab/cli/extend";
import { OPTIONS } from "./cli/topology_options.ts";

export const TOPOLOGY = command({
  name: "topology",
  brief: "Work out from lspci output which PCI functions can do peer-to-peer DMA, and why.",
  description:
    "Reads the output of lspci (`lspci -D -nn -vvv` as root is most complete; -t, -tv, -P, -PP, -xxxx " +
    "and concatenated outputs are accepted), draws the PCI tree with BARs, ACS and IOMMU groups, and " +
    "prints for all pairs the distance and the route of peer-to-peer DMA. Facts missing from the " +
    'input are unknown; results that depend on them are marked "?". Exit code 2: the input cannot ' +
    "be read.",
  argument: {
    placeholder: "FILE",
    doc: "output of lspci; - reads standard input",
    completes: "files",
    count: "one",
  },
  options: OPTIONS,
  examples: [
    { line: "topology server.txt", doc: "the PCI tree and all pairs" },
    {
      line: "topology server.txt --provider 05:00.0 --client 04:00.0",
      doc: "can this pair do peer-to-peer DMA, and why",
    },
    { line: "topology server.txt --as dma > server.dma", doc: "the machine for scenarios" },
    { line: "topology -", doc: "piped: sudo lspci -D -nn -vvv | dmalab topology -" },
  ],
  may: {},
  async run({ words, options, screen }) {
    const { runTopology } = await import("./cli/topology.ts");
    return runTopology(words[0]!, options, screen);
  },
});

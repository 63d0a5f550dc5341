import { command } from "../command.ts";

export const TOPOLOGY = command({
  name: "topology",
  brief: "Read what lspci prints: who may reach whose memory, and why.",
  description:
    "Reads the text of lspci (-D -nn -vvv with root rights tells most; -t, -xxxx and several " +
    "behind each other will do), draws the PCI tree with BARs, access control and IOMMU groups, " +
    "and says for all pairs how far apart they are and how one reaches the other's memory. What " +
    "the text does not tell is unknown, and answers that depend on it have a question mark. Exit " +
    "code 2: the text cannot be imported.",
  argument: {
    placeholder: "FILE",
    doc: "the text of lspci; - reads standard input",
    completes: "files",
    count: "one",
  },
  options: {
    as: {
      kind: "text",
      placeholder: "dma",
      doc: "write the machine block of a scenario, which loads as the same topology",
    },
    from: {
      kind: "text",
      placeholder: "FUNCTION",
      doc: "with --to: one pair hop by hop, and the smallest change for a better answer; the " +
        "one that lends memory, as an address (05:00.0) or a name of the picture (gpu0)",
    },
    to: { kind: "text", placeholder: "FUNCTION", doc: "the one that reads and writes it" },
    cpu: {
      kind: "text",
      placeholder: "VENDOR:FAMILY",
      doc: "the CPU, where the text does not tell: amd:0x19",
    },
    json: { kind: "flag", doc: "everything as JSON" },
    all: { kind: "flag", doc: "also the functions that chipsets are made of" },
  },
  examples: [
    { line: "topology server.txt", doc: "the tree, and all pairs" },
    { line: "topology server.txt --from 05:00.0 --to 04:00.0", doc: "why these two, or why not" },
    { line: "topology server.txt --as dma > server.dma", doc: "the machine for scenarios" },
    { line: "topology -", doc: "what is piped in: sudo lspci -D -nn -vvv | dmalab topology -" },
  ],
  async run({ words, options, screen }) {
    const { runTopology } = await import("../topology/topology.ts");
    return runTopology(words[0]!, options, screen);
  },
});

/** The options of `dmalab topology`. */
import { flag, type Invocation, text } from "@dmalab/cli/extend";

export const OPTIONS = {
  as: text("dma", "write a machine block with the same topology"),
  provider: text(
    "FUNCTION",
    "the provider (its BAR is the DMA target), as an address (05:00.0) or a name in the " +
      "drawing (gpu0); with --client: the route hop by hop and the smallest ACS change that improves it",
  ),
  client: text("FUNCTION", "the client (the function that issues the DMA)"),
  cpu: text("VENDOR:FAMILY", "the CPU, if the input does not name it: amd:0x19"),
  json: flag("print everything as JSON"),
  all: flag("include chipset-internal functions"),
};

/** An option that is not given is null. */
export type TopologyOptions = Invocation<typeof OPTIONS>["options"];

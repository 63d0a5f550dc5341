/** Words in traces and fault lines that users may look up, and the rules that explain them. */
import type { Extension } from "@dmalab/cli/extend";
import { DMA_EVENTS, IOMMU_EVENTS } from "./line/event_names.ts";

type UserWord = NonNullable<Extension["words"]>[number];

/** Events of one system, by their names in tracefs and perf: `dma:dma_map_page`. */
function events(system: string, names: readonly string[], doc: string, rule: string): UserWord {
  return {
    words: names.map((name) => `${system}:${name}`),
    place: `events/${system} of tracefs`,
    doc,
    see: [rule],
  };
}

/** The text that VT-d's driver prints after a fault reason's number. */
function vtdReason(words: readonly string[], doc: string): UserWord {
  return { words, place: "reason in a fault line of VT-d", doc, see: ["traces.T.46"] };
}

export const TRACE_WORDS: readonly UserWord[] = [
  events(
    "dma",
    ["*", ...DMA_EVENTS],
    "Calls of the DMA API, with device, address, size and direction: what `dmalab trace check` pairs.",
    "traces.T.15",
  ),
  events(
    "iommu",
    ["*", ...IOMMU_EVENTS],
    "Entries of an IOMMU's page table that are written and cleared; the lines name no device.",
    "traces.T.25",
  ),
  events(
    "iommu",
    ["io_page_fault"],
    "An access that an IOMMU refused, if its driver reports it to the trace.",
    "traces.T.29",
  ),
  events(
    "swiotlb",
    ["*", "swiotlb_bounced"],
    "A mapping that goes through a bounce buffer: `dmalab trace devices` counts them.",
    "traces.T.31",
  ),
  events(
    "nvme",
    ["*", "nvme_setup_cmd", "nvme_complete_rq", "nvme_sq"],
    "Commands of NVMe: which request a mapping is for.",
    "traces.T.38",
  ),
  vtdReason(
    ["PTE Read access is not set", "PTE Write access is not set"],
    "The page-table entry does not allow the access. The tables have no bit for presence: a page that was never mapped, one that was unmapped too early and one that was mapped for the other direction all give this reason.",
  ),
  vtdReason(
    ["Present bit in root entry is clear", "Present bit in context entry is clear"],
    "The IOMMU knows nothing of the device: no driver is bound, firmware left the device running, or it uses another device's requester id.",
  ),
];

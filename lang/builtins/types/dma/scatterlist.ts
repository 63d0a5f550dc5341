/** Scatterlists: buffers that are mapped together. */
import { plainSegment, SEGMENT } from "../segment.ts";
import type { PhysAddr } from "@dmalab/runtime";
import type { DmaDevice, NoncontiguousMemory, Scatterlist } from "@dmalab/runtime/dma";
import { clip, PICTURE_COLUMNS, wrapText } from "../../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { scatterlistPicture } from "../../../render/pictures/scatterlist_picture.ts";
import { isHandle } from "../../arguments.ts";
import { scatterRanges } from "../../scatter_joins.ts";
import type { HandleType } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

/** A list, and the device it was last mapped for. */
export interface ScatterlistTarget {
  readonly list: Scatterlist;
  device: DmaDevice | null;
  /** What it was allocated with, null once that is freed; none of a list of a script's buffers. */
  memory?: NoncontiguousMemory | null;
}

/** Bytes that an entry in a list of values is charged. */
const ENTRY_BYTES = 128;

/** Bits in the spare places of a pointer to a page. @see rules/p2p.md 9.1 */
const LAST_ENTRY = 2;
const BUS_OUTPUT = 4;

export const SCATTERLIST: HandleType<ScatterlistTarget> = {
  name: "scatterlist",
  doc: "A scatterlist: entries that are mapped with one call, and their DMA ranges.",
  fields: fieldsOf<ScatterlistTarget>((f) => ({
    entries: f.list(SEGMENT, "Its entries: { phys, size }.", ({ list }, context) => {
      context.chargeMemory(ENTRY_BYTES * list.count);
      return list.segments().map(plainSegment);
    }),
    nents: f.int("How many entries it has.", ({ list }) => list.count),
    mapped: f.list(
      { addr: "dma", size: "size" },
      "The DMA ranges: { addr, size }, fewer than entries if some were merged; empty while it " +
        "is not mapped.",
      ({ list }, context) => {
        context.chargeMemory(ENTRY_BYTES * list.outputs);
        return list.mapped().map(({ dma, sizeBytes }) => ({ addr: dma, size: sizeBytes }));
      },
    ),
    bus_marks: f.list(
      { output: "int", mark: "word" },
      "The DMA ranges that are PCI bus addresses of a peer, and where their entries record it: " +
        "a list of { output, mark }; mark is dma_flags or, in the 2021 design, page_link.",
      ({ list }) =>
        list.mapped().flatMap((_, output) => {
          const mark = list.busMarkAt(output);
          return mark === null ? [] : [{ output, mark }];
        }),
    ),
    page_links: f.list(
      { page: "phys", bits: "int" },
      "The page_link of each entry: the page pointer and its low bits. 2 marks the last entry; " +
        "4, in the 2021 design, a DMA range that is a peer's bus address; 1 marks a chain link " +
        "to the next page of entries, which is not an entry itself.",
      ({ list }, context) => {
        context.chargeMemory(ENTRY_BYTES * list.count);
        return list.segments().map(({ phys }, index) => ({
          page: phys - phys % context.lab.machine.config.pageSizeBytes as PhysAddr,
          bits: (index === list.count - 1 ? LAST_ENTRY : 0) +
            (list.busMarkAt(index) === "page_link" ? BUS_OUTPUT : 0),
        }));
      },
    ),
    size: f.size(
      "Bytes of all its buffers.",
      ({ list }) => list.segments().reduce((sum, entry) => sum + entry.sizeBytes, 0),
    ),
    bounced: f.bool(
      "It was once mapped entry by entry, because some entries might bounce; the flag is never " +
        "cleared.",
      ({ list }) => list.bounced,
    ),
    tables: f.int(
      "Pages that hold its entries; each but the last uses one entry as the chain link to the " +
        "next.",
      ({ list }) => list.tables,
    ),
    memory: f.size("Host memory of its entries and links.", ({ list }) => list.sizeBytes),
  })),
  methods: [],
  format: ({ list, device }) =>
    `scatterlist of ${formatCount(list.count, "entry", "entries")}` +
    (list.outputs === 0
      ? ""
      : `, ${formatCount(list.outputs, "range")} for ${device?.name ?? "a device"}`),
  show: ({ list, device }) =>
    scatterlistPicture(
      list,
      device?.name ?? null,
      device === null ? [] : scatterRanges(list, device),
    ),
  explain: explainRanges,
  equals: ({ list }, other) => isHandle(other, SCATTERLIST) && other.target.list === list,
};

/** Why there are as many DMA ranges as there are. */
function explainRanges({ list, device }: ScatterlistTarget): string[] {
  if (device === null || list.outputs === 0) return ["the list is not mapped"];
  const ranges = scatterRanges(list, device);
  return [
    `${formatCount(list.count, "entry", "entries")} became ${
      formatCount(ranges.length, "range")
    } ` +
    `for ${device.name}`,
    ...ranges.flatMap(({ dma: address, sizeBytes, first, entries, words }) => {
      const last = first + entries - 1;
      const which = entries === 1 ? `entry ${first}` : `entries ${first} to ${last}`;
      const head = `  ${formatAddress(address)} ${formatSize(sizeBytes)}: ${which}`;
      if (words === null) return [head];
      const [rule, , text] = words;
      const why = `not merged, ${rule}: ${text}`;
      return [head, ...wrapText(why, PICTURE_COLUMNS - 4).map((line) => `    ${line}`)];
    }),
  ].map((line) => clip(line, PICTURE_COLUMNS));
}

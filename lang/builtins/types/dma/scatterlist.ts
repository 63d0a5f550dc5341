/** Scatterlists: several buffers that one call maps. */
import { plainSegment, SEGMENT } from "../segment.ts";
import type { DmaAddr, PhysAddr } from "@dmalab/runtime";
import {
  APART,
  type Apart,
  type DmaDevice,
  type NoncontiguousMemory,
  type Scatterlist,
} from "@dmalab/runtime/dma";
import { clip, PICTURE_COLUMNS, wrapText } from "../../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import {
  scatterlistPicture,
  type ScatterRange,
  type ScatterWords,
  unreachedText,
} from "../../../render/pictures/scatterlist_picture.ts";
import { isHandle } from "../../arguments.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { reachOf, readLedger } from "../../ledger.ts";
import type { HandleType } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

/**
 * The ranges of a list that is mapped for a device, each with the reason why it is separate from
 * the previous range. To find them, the list's outputs are matched with its entries. Empty when the
 * list is not mapped.
 *
 * @see rules/dma.md 7.1, 7.2 step 5
 */
function scatterRanges(list: Scatterlist, device: DmaDevice): ScatterRange[] {
  const ranges: ScatterRange[] = [];
  let entry = 0;
  for (let output = 0; output < list.outputs && entry < list.count; output++) {
    const dma = list.dmaAddressAt(output);
    const sizeBytes = list.dmaLengthAt(output);
    const first = entry;
    // An output with 0 bytes, which a defect can cause, still covers its entry.
    let covered = 0;
    do covered += list.lengthAt(entry++); while (covered < sizeBytes && entry < list.count);
    const before = ranges.at(-1);
    const words = before === undefined ? null : WORDS[list.apartAt(output)](
      { list, device, before, first, bus: list.isBusAddressAt(output) },
    );
    ranges.push({ dma, sizeBytes, first, entries: entry - first, words });
  }
  return ranges;
}

/**
 * A boundary between two ranges: the range before it, and the first entry of the range after it.
 */
interface SegmentBoundary {
  readonly list: Scatterlist;
  readonly device: DmaDevice;
  readonly before: ScatterRange;
  readonly first: number;
  /** True if the entry is a peer's bus address. */
  readonly bus: boolean;
}

/** The offset of a byte in its granule; 0 for a device without a domain. */
function offsetOf(phys: number, { domain }: DmaDevice): number {
  return phys % (domain?.granuleBytes ?? 1);
}

const WORDS: Readonly<Record<Apart, (at: SegmentBoundary) => ScatterWords>> = {
  [APART.UNJOINED]: ({ bus }) =>
    bus ? ["dma.7.1", "bus address", "a peer's bus address: nothing is mapped for it"] : [
      "dma.7.1",
      "nothing is joined",
      "without translation every entry has an address of its own",
    ],
  [APART.ONE_BY_ONE]: () => [
    "dma.7.2",
    "may be bounced",
    "entries that may be bounced are mapped one by one",
  ],
  [APART.BUS_ADDRESS]: () => [
    "dma.7.2.5",
    "bus address",
    "a peer's bus address is a range of its own",
  ],
  [APART.BEHIND_BUS_ADDRESS]: () => [
    "dma.7.2.5",
    "behind a bus address",
    "a peer's bus address before it has ended the range",
  ],
  [APART.STARTS_INSIDE]: ({ device, first, list }) => [
    "dma.7.2.5",
    "starts inside a page",
    `entry ${first} starts at byte ${offsetOf(list.physAt(first), device)} of a page, which ` +
    "leaves a gap after the one before",
  ],
  [APART.HOLE_BEFORE]: ({ device, first, list }) => {
    const last = first - 1;
    const end = offsetOf(list.physAt(last) + list.lengthAt(last), device);
    return [
      "dma.7.2.5",
      "hole before it",
      `entry ${last} ends at byte ${end} of a page, which leaves a gap before the next`,
    ];
  },
  [APART.BOUNDARY]: ({ device }) => {
    const boundary = formatSize(device.segmentBoundaryMask + 1);
    return ["dma.7.2.5", `boundary of ${boundary}`, `no range crosses a multiple of ${boundary}`];
  },
  [APART.LONGEST]: ({ before, device, first, list }) => {
    const longest = formatSize(device.maxSegmentSizeBytes);
    const together = formatSize(before.sizeBytes + list.lengthAt(first));
    return [
      "dma.7.2.5",
      `longest is ${longest}`,
      `with entry ${first} the range would be ${together}, and the device takes at most ${longest}`,
    ];
  },
};

/** A list, and the device it was last mapped for. */
export interface ScatterlistTarget {
  readonly list: Scatterlist;
  device: DmaDevice | null;
  /** The list's own allocation; null once freed, absent for a list of a script's buffers. */
  memory?: NoncontiguousMemory | null;
}

/** Memory charged for an entry in a list of values. */
const ENTRY_BYTES = 128;

/** Flags in the unused low bits of a page pointer. @see rules/p2p.md 9.1 */
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
      "The DMA ranges: { addr, size }, fewer than entries if some were merged; empty before " +
        "the map and after the unmap of the list. A call that unmaps one of them by its address " +
        "leaves them in the list.",
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
  format: ({ list, device }) =>
    `scatterlist of ${formatCount(list.count, "entry", "entries")}` +
    (list.outputs === 0
      ? ""
      : `, ${formatCount(list.outputs, "range")} for ${device?.name ?? "a device"}`),
  show: ({ list, device }, context) => {
    if (device === null) return scatterlistPicture(list, null, []);
    const ranges = scatterRanges(list, device);
    return scatterlistPicture(list, device.name, ranges, unreached(ranges, list, device, context));
  },
  explain: explainRanges,
  equals: ({ list }, other) => isHandle(other, SCATTERLIST) && other.target.list === list,
};

/** How many of the ranges the device no longer reaches, though the list still has their addresses. */
function unreached(
  ranges: readonly ScatterRange[],
  list: Scatterlist,
  { name }: DmaDevice,
  context: ExecutionContext,
): number {
  const ended = new Set(
    readLedger(context.recorder.events, context).filter((entry) =>
      entry.device === name && entry.ended !== null
    ).map(({ dma }) => dma),
  );
  return ranges.filter(({ dma, first, sizeBytes }) => {
    const at = { addr: dma as DmaAddr, device: name, phys: list.physAt(first) as PhysAddr };
    return ended.has(at.addr) && reachOf({ ...at, sizeBytes }, context) === "none";
  }).length;
}

/** Explains the number of DMA ranges. */
function explainRanges({ list, device }: ScatterlistTarget, context: ExecutionContext): string[] {
  if (device === null || list.outputs === 0) return ["the list is not mapped"];
  const ranges = scatterRanges(list, device);
  const gone = unreached(ranges, list, device, context);
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
    ...gone === 0 ? [] : [`  ${unreachedText(gone, ranges.length)}`],
  ].map((line) => clip(line, PICTURE_COLUMNS));
}

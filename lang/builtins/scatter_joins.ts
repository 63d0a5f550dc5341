/**
 * Which entries of a mapped scatterlist became one range for the device, and in words what kept the
 * others apart: the list's outputs laid beside its entries.
 *
 * @see rules/dma.md 7.1, 7.2 step 5
 */
import { APART, type Apart, type DmaDevice, type Scatterlist } from "@dmalab/runtime/dma";
import type { ScatterRange, ScatterWords } from "../render/pictures/scatterlist_picture.ts";
import { formatSize } from "../text/numbers.ts";

/** The ranges of a list that is mapped for a device; none when it is not mapped. */
export function scatterRanges(list: Scatterlist, device: DmaDevice): ScatterRange[] {
  const ranges: ScatterRange[] = [];
  let entry = 0;
  for (let output = 0; output < list.outputs && entry < list.count; output++) {
    const dma = list.dmaAddressAt(output);
    const sizeBytes = list.dmaLengthAt(output);
    const first = entry;
    // An output of no bytes, which a defect can leave, still stands for its entry.
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

/** What the words of a separation are about: an entry that begins a range behind another one. */
interface SegmentBoundary {
  readonly list: Scatterlist;
  readonly device: DmaDevice;
  readonly before: ScatterRange;
  readonly first: number;
  /** It is a peer's bus address. */
  readonly bus: boolean;
}

/** Where in its page a byte lies. */
function offsetOf(phys: number, { domain }: DmaDevice): number {
  return phys % (domain?.granuleBytes ?? 1);
}

const WORDS: Readonly<Record<Apart, (at: SegmentBoundary) => ScatterWords>> = {
  [APART.UNJOINED]: ({ bus }) =>
    bus
      ? ["dma.7.1", "bus address", "a peer's bus address: nothing is mapped for it"]
      : ["dma.7.1", "nothing is joined", "without translation every entry keeps its own address"],
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

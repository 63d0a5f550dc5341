/**
 * Which entries of a mapped scatterlist became one range for the device, and what kept the others
 * apart: the list's outputs laid beside its entries, and the rules of joining applied to each gap.
 *
 * @see behaviour/dma.md 7.1, 7.2 step 5
 */
import type { DmaDevice } from "../../runtime/dma/device/device.ts";
import type { Scatterlist } from "../../runtime/dma/scatterlist.ts";
import { formatSize } from "../text/numbers.ts";

/** Why two neighbours are not one range. */
export interface Separation {
  readonly rule: string;
  /** In a few words, for a picture. */
  readonly short: string;
  /** In a sentence. */
  readonly text: string;
}

/** One range of the device, and the entries it covers. */
export interface ScatterRange {
  readonly dma: number;
  readonly sizeBytes: number;
  readonly first: number;
  readonly entries: number;
  /** What separates it from the range before; null for the first one. */
  readonly separation: Separation | null;
}

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
    const separation = output === 0 ? null : separate(list, device, ranges.at(-1)!, first, output);
    ranges.push({ dma, sizeBytes, first, entries: entry - first, separation });
  }
  return ranges;
}

function separate(
  list: Scatterlist,
  device: DmaDevice,
  before: ScatterRange,
  first: number,
  output: number,
): Separation {
  const { domain } = device;
  if (domain === null && list.isBusAddressAt(output)) {
    return {
      rule: "dma.7.1",
      short: "bus address",
      text: "a peer's bus address: nothing is mapped for it",
    };
  }
  if (domain === null) {
    return {
      rule: "dma.7.1",
      short: "nothing is joined",
      text: "without translation every entry keeps its own address",
    };
  }
  if (list.bounced) {
    return {
      rule: "dma.7.2",
      short: "may be bounced",
      text: "entries that may be bounced are mapped one by one",
    };
  }
  if (list.isBusAddressAt(output)) {
    return {
      rule: "dma.7.2.5",
      short: "bus address",
      text: "a peer's bus address is a range of its own",
    };
  }
  if (list.isBusAddressAt(output - 1)) {
    return {
      rule: "dma.7.2.5",
      short: "behind a bus address",
      text: "a peer's bus address before it has ended the range",
    };
  }
  const granule = domain.granuleBytes;
  const offset = list.physAt(first) % granule;
  if (offset !== 0) {
    return {
      rule: "dma.7.2.5",
      short: "starts inside a page",
      text: `entry ${first} starts at byte ${offset} of a page: there would be a hole before it`,
    };
  }
  const last = first - 1;
  const end = list.physAt(last) + list.lengthAt(last);
  if (end % granule !== 0) {
    return {
      rule: "dma.7.2.5",
      short: "hole before it",
      text: `entry ${last} ends at byte ${
        end % granule
      } of a page: there would be a hole behind it`,
    };
  }
  const boundary = device.segmentBoundaryMask + 1;
  if (list.dmaAddressAt(output) % boundary === 0) {
    return {
      rule: "dma.7.2.5",
      short: `boundary of ${formatSize(boundary)}`,
      text: `no range crosses a multiple of ${formatSize(boundary)}`,
    };
  }
  return {
    rule: "dma.7.2.5",
    short: `longest is ${formatSize(device.maxSegmentSizeBytes)}`,
    text: `with entry ${first} the range would be ${
      formatSize(before.sizeBytes + list.lengthAt(first))
    }, and the device takes at most ${formatSize(device.maxSegmentSizeBytes)}`,
  };
}

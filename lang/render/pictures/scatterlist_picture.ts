/** A drawing of a scatterlist: buffers on the left, their DMA ranges on the right. */
import type { Scatterlist } from "@dmalab/runtime/dma";
import { endsOf, pad, PICTURE_COLUMNS, spread } from "../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../text/numbers.ts";

/** A DMA range of one or more entries. */
export interface ScatterRange {
  readonly dma: number;
  readonly sizeBytes: number;
  /** The index of the first entry that the range covers, and the number of entries. */
  readonly first: number;
  readonly entries: number;
  /** Why the range is separate from the previous range; null for the first range. */
  readonly words: ScatterWords | null;
}

/** The reason: the rule, a few words for a picture, and a sentence. */
export type ScatterWords = readonly [rule: string, short: string, text: string];

/**
 * Up to `longest` entries are all shown. For a longer list, the `first` and the `last` ones are
 * shown.
 */
const SHOWN = { longest: 24, first: 16, last: 4 };

/**
 * The drawing, in at most 80 columns.
 * @param device The name of the device for which the list was last mapped; null for no device.
 * @param ranges Empty while the list is not mapped.
 * @param unreached How many of the ranges another call than the list's own unmap has unmapped.
 */
export function scatterlistPicture(
  list: Scatterlist,
  device: string | null,
  ranges: readonly ScatterRange[],
  unreached = 0,
): string[] {
  const title = `scatterlist ${formatCount(list.count, "entry", "entries")}, ${
    formatSize(list.sizeBytes)
  } in ${formatCount(list.tables, "table")}`;
  const place = list.outputs === 0 || device === null
    ? "not mapped"
    : `${formatCount(ranges.length, "range")} for ${device}${
      unreached === 0 ? "" : `; ${unreachedText(unreached, ranges.length)}`
    }`;
  const lines = list.segments().map((segment, index) => entryLine(segment, index, ranges));
  return [
    spread(title, place),
    "─".repeat(PICTURE_COLUMNS),
    ...endsOf(lines, SHOWN, (hidden) => `  … ${hidden.length} more`),
  ];
}

/** Says that ranges of a list are unmapped, although the list still has their addresses. */
export function unreachedText(unreached: number, ranges: number): string {
  return unreached === ranges ? "unmapped" : `${unreached} of them unmapped`;
}

function entryLine(
  { phys, sizeBytes }: { readonly phys: number; readonly sizeBytes: number },
  index: number,
  ranges: readonly ScatterRange[],
): string {
  const left = `  ${pad(String(index), 3, "right")} ${pad(formatAddress(phys), 14, "right")} ${
    pad(formatSize(sizeBytes), 8, "right")
  }`;
  const output = ranges.find(({ first, entries }) => index >= first && index < first + entries);
  if (output === undefined) return left;
  const last = output.first + output.entries - 1;
  if (index !== output.first) return `${left} ─${index === last ? "┘" : "┤"}`;
  return `${left} ${output.entries === 1 ? "───►" : "─┬─►"} ${
    pad(formatAddress(output.dma), 13, "right")
  } ${pad(formatSize(output.sizeBytes), 8, "right")}  ${output.words?.[1] ?? ""}`.trimEnd();
}

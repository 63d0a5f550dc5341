/** A scatterlist as a drawing: buffers on the left, their DMA ranges on the right. */
import { endsOf, pad, PICTURE_COLUMNS, spread } from "../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../text/numbers.ts";

export interface ScatterlistDiagramEntry {
  readonly phys: number;
  readonly sizeBytes: number;
}

/** A DMA range of one or more entries. */
export interface PicturedOutput {
  readonly dma: number;
  readonly sizeBytes: number;
  /** The first of the entries it covers, and how many. */
  readonly first: number;
  readonly entries: number;
  /** Why it is not one with the output before, in a few words; empty for the first. */
  readonly why: string;
}

export interface PicturedScatterlist {
  readonly entries: readonly ScatterlistDiagramEntry[];
  /** Empty while the list is not mapped. */
  readonly outputs: readonly PicturedOutput[];
  readonly tables: number;
  readonly memoryBytes: number;
  /** The device it is mapped for, by name; null while it is not mapped. */
  readonly device: string | null;
}

/** Entries before the middle of a long list is left out, and how many stay at its ends. */
const SHOWN = { longest: 24, first: 16, last: 4 };

/** The drawing, in at most 80 columns. */
export function scatterlistPicture(list: PicturedScatterlist): string[] {
  const title = `scatterlist ${formatCount(list.entries.length, "entry", "entries")}, ${
    formatSize(list.memoryBytes)
  } in ${formatCount(list.tables, "table")}`;
  const place = list.device === null
    ? "not mapped"
    : `${formatCount(list.outputs.length, "range")} for ${list.device}`;
  const lines = list.entries.map((_, index) => entryLine(list, index));
  return [
    spread(title, place),
    "─".repeat(PICTURE_COLUMNS),
    ...endsOf(lines, SHOWN, (hidden) => `  ⋮ ${hidden.length} more`),
  ];
}

function entryLine(list: PicturedScatterlist, index: number): string {
  const { phys, sizeBytes } = list.entries[index]!;
  const left = `  ${pad(String(index), 3, "right")} ${pad(formatAddress(phys), 14, "right")} ${
    pad(formatSize(sizeBytes), 8, "right")
  }`;
  const output = list.outputs.find(({ first, entries }) =>
    index >= first && index < first + entries
  );
  if (output === undefined) return left;
  const last = output.first + output.entries - 1;
  if (index !== output.first) return `${left} ─${index === last ? "┘" : "┤"}`;
  return `${left} ${output.entries === 1 ? "───►" : "─┬─►"} ${
    pad(formatAddress(output.dma), 13, "right")
  } ${pad(formatSize(output.sizeBytes), 8, "right")}  ${output.why}`.trimEnd();
}

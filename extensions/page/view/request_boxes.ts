/** The boxes of a request's picture: its memory, the addresses that the device sees, its command's entries. */
import { formatAddress, formatSize } from "@dmalab/lang/text";
import type { RequestView } from "@dmalab/recording/views";
import type { Selection } from "./selection.ts";

/** A box of the picture. */
export interface Box {
  readonly text: string;
  readonly selection: Selection;
  /** Where a line goes: addresses in the next column; null where none goes. */
  readonly leadsTo: number | null;
  /** A heading has no line and is nothing. */
  readonly isHead?: boolean;
}

/** The three columns, from left to right. */
export function boxesOf(view: RequestView): readonly (readonly Box[])[] {
  return [segmentsOf(view), middleOf(view), entriesOf(view)];
}

function segmentsOf({ mappings, pageTable, segments }: RequestView): readonly Box[] {
  const dmaOf = (phys: number): number | null => {
    const mapped = mappings.find((row) => phys >= row.phys && phys < row.phys + row.size_bytes);
    if (mapped !== undefined) return mapped.dma + (phys - mapped.phys);
    const entry = pageTable.find((row) => phys >= row.phys && phys < row.phys + row.size_bytes);
    return entry === undefined ? null : entry.iova + (phys - entry.phys);
  };
  return segments.map(({ phys, seq, sizeBytes }) => ({
    text: `${formatAddress(phys)} ${formatSize(sizeBytes)}`,
    selection: { seq, spans: [{ space: "phys", start: phys, end: phys + sizeBytes }] },
    leadsTo: dmaOf(phys),
  }));
}

/** What the device sees: ranges of IOVAs, or where there are none the mappings. */
function middleOf({ mappings, ranges, unmaps }: RequestView): readonly Box[] {
  const endText = (endedSeq: number) =>
    unmaps.some(({ fields: { rule }, seq }) => seq === endedSeq && rule === "nothing")
      ? `needs no unmap #${endedSeq}`
      : `freed #${endedSeq}`;
  const shown = ranges.length > 0
    ? ranges.map(({ createdSeq, endedSeq, size_bytes, start }) => ({
      createdSeq,
      endedSeq,
      size_bytes,
      start,
    }))
    : mappings.map(({ createdSeq, endedSeq, dma, size_bytes }) => ({
      createdSeq,
      endedSeq,
      size_bytes,
      start: dma,
    }));
  return shown.map(({ createdSeq, endedSeq, size_bytes: size, start }) => ({
    text: `${formatAddress(start)} ${formatSize(size)}${
      endedSeq === null ? "" : ` ${endText(endedSeq)}`
    }`,
    selection: { seq: createdSeq, spans: [{ space: "dma", start, end: start + size }] },
    leadsTo: null,
  }));
}

function entriesOf({ entries, hasLengths, listPages }: RequestView): readonly Box[] {
  const boxes: Box[] = [];
  let page: number | null = null;
  for (const entry of entries) {
    const { dma, fetched, label, leadsTo, seq, sizeBytes } = entry;
    if (entry.page !== page) {
      page = entry.page;
      const start = page === null ? undefined : listPages[page]?.dma;
      if (start !== undefined) {
        const text = `list at ${formatAddress(start)}`;
        boxes.push({ text, selection: { seq: null, spans: [] }, leadsTo: null, isHead: true });
      }
    }
    const size = hasLengths ? ` ${formatSize(sizeBytes)}` : "";
    const read = fetched === null ? "" : ` read #${fetched}`;
    const what = leadsTo === "list" ? " list" : "";
    const end = dma + Math.max(1, hasLengths ? sizeBytes : 1);
    boxes.push({
      text: `${label}${what} ${formatAddress(dma)}${size}${read}`,
      selection: { seq, spans: [{ space: "dma", start: dma, end }] },
      leadsTo: leadsTo === "list" ? null : dma,
    });
  }
  return boxes;
}

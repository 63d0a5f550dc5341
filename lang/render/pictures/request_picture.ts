/**
 * A drawing of a request: the memory that it covers, the device's addresses of this memory, and the
 * command that contains these addresses.
 *
 *     physical memory         IOVA                     command
 *      0x10_2000    4KiB ─┐                         ┌─► PRP1  0xfffe_0000
 *      0x10_4000    4KiB ─┼─► 0xfffe_0000   12KiB ──┤   PRP2  list at 0xffff_f000
 *      0x10_6000    4KiB ─┘                         │  ┌─ list 0xffff_f000 ──────┐
 *                                                   ├─►│   0  0xfffe_1000        │
 *
 * If all memory is mapped as one range, the lines of the segments join on the left and split again
 * on the right. If each segment has its own mapping, it also has its own line.
 */
import { groupBy } from "@dmalab/runtime/basics";
import { bouncedLines } from "./bounced_lines.ts";
import { clip, endsOf, pad, PICTURE_COLUMNS, spread } from "../../text/columns.ts";
import type {
  AddressTitle,
  RequestEntry,
  RequestListPage,
  RequestMemory,
  RequestPicture,
  RequestSegment,
} from "@dmalab/devices";
import { formatAddress, formatSize } from "../../text/numbers.ts";

/** The text around the drawing of a request. */
export interface RequestCaption {
  readonly title: string;
  /** The text at the right edge of the first line. */
  readonly place: string;
  /** What an address of the middle column is: `IOVA`, `bounce buffer`; null in no mapping. */
  readonly titleAt: (dma: number) => AddressTitle | null;
  /** Lines below the drawing. */
  readonly notes: readonly string[];
}

/**
 * The mark of an entry whose address is in no mapping of its request. It may still be the address of
 * memory of the request that was never mapped.
 */
export const IN_NO_MAPPING = "in no mapping";
/** The mark of a request's memory that no event has mapped. */
export const NOT_MAPPED = "not mapped";
/** The mark of memory that is mapped, and that no entry points to. */
const IN_NO_ENTRY = "in no entry";

type Range = NonNullable<RequestPicture["iova"]>;

/** Widths of the three columns and of the two gaps with the arrows between them. */
const LEFT = 23;
const MIDDLE = 21;
const RIGHT = 26;
const GAP = 5;
/**
 * Up to `longest` lines of one list are all shown. For a longer list, the `first` and the `last`
 * ones are shown.
 */
const SHOWN = { longest: 8, first: 4, last: 2 };
/** Limit of the list pages that are shown. If there are more, pages in the middle are left out. */
const DISPLAYED_PAGES = 3;

/** Heading of a column with addresses of several kinds, each of which has its mark. */
const ANY_ADDRESS = "DMA address";
const MARKS: Readonly<Record<AddressTitle, string>> = {
  "IOVA": "IOVA",
  "PCI bus address": "PCI bus",
  "bounce buffer": "bounce",
  "bus address": "bus",
  "physical address": "phys",
};

/** Tells the mark of an address; null if all addresses are of one kind. */
type MarkAt = ((dma: number) => string) | null;

/** The drawing, in at most 80 columns. */
export function requestPicture(request: RequestPicture, caption: RequestCaption): string[] {
  const head = [spread(caption.title, caption.place), "─".repeat(PICTURE_COLUMNS)];
  let body: readonly string[] = [];
  const { metadata } = request;
  const titles = new Set(
    [...request.entries, ...metadata?.entries ?? []].filter(leadsToData)
      .map(({ dma }) => caption.titleAt(dma)).filter((title) => title !== null),
  );
  const markAt: MarkAt = titles.size < 2 ? null : (dma) => {
    const title = caption.titleAt(dma);
    return title === null ? "" : MARKS[title];
  };
  if (request.entries.length > 0) {
    const title = pad(titles.size === 1 ? [...titles][0]! : ANY_ADDRESS, MIDDLE + GAP);
    head.push(`${pad("  physical memory", LEFT + GAP)}${title}command`);
    body = memoryLines(request, request.iova, markAt);
  } else if (request.segments.length > 0) {
    // There is no command yet: only the memory is shown.
    head.push("  physical memory");
    body = endsOf(request.segments.map(segmentText), SHOWN, hiddenSegments);
  }
  const below = metadata === null
    ? []
    : ["  metadata", ...memoryLines(metadata, sharedRange(metadata), markAt)];
  const copies = bouncedLines(request.copies);
  if (copies.length > 0) below.push("  bounced", ...copies);
  return [...head, ...body, ...below, ...caption.notes].map((line) =>
    clip(line, PICTURE_COLUMNS).trimEnd()
  );
}

function memoryLines(memory: RequestMemory, range: Range | null, markAt: MarkAt): string[] {
  return range === null ? pieceByPiece(memory, markAt) : oneRange(memory, range);
}

/**
 * If a single entry covers more than one segment: the range that covers all segments. Otherwise
 * null.
 */
function sharedRange({ entries, segments }: RequestMemory): Range | null {
  const [entry, ...others] = entries.filter(leadsToData);
  return entry === undefined || others.length > 0 || segments.length === 1 ? null : entry;
}

function leadsToData({ leadsTo }: RequestEntry): boolean {
  return leadsTo === "data";
}

function segmentText(segment: RequestSegment): string {
  return addressAndSize(segment.phys, segment.sizeBytes);
}

function addressAndSize(address: number, sizeBytes: number): string {
  return `${pad(formatAddress(address), 14, "right")} ${pad(formatSize(sizeBytes), 7, "right")}`;
}

function hiddenSegments(hidden: readonly unknown[]): string {
  return `${pad("…", 9, "right")}  ${hidden.length} more`;
}

/**
 * The rows with the right column of the drawing: first the command's own entries, then each list in
 * a box.
 *
 * @param rowsOf The rows for the entries that point to data. `page` is a list page, or null for the
 *   entries of the command itself.
 */
function entryRows(request: RequestMemory, rowsOf: (page: number | null) => readonly PieceRow[]) {
  const rows = endsOf(rowsOf(null), SHOWN, (hidden) => gapRow(hidden, (text) => text));
  for (const { dma, label, leadsTo, page } of request.entries) {
    if (page !== null || leadsTo === "data") continue;
    rows.push(frame(`${pad(label, 4)}  list at ${formatAddress(dma)}`));
  }
  for (const { page, index, hiddenBefore } of shownPages(request)) {
    if (hiddenBefore > 0) rows.push(frame(`   …  ${hiddenBefore} more list pages`));
    const links = request.entries.filter((entry) => entry.page === index && !leadsToData(entry));
    rows.push(
      frame(`┌─ list ${formatAddress(page.dma)} `.padEnd(RIGHT - 1, "─") + "┐"),
      ...endsOf(rowsOf(index), SHOWN, (hidden) => gapRow(hidden, boxedText)),
      ...links.map(({ dma, label }) =>
        frame(boxedText(`${pad(label, 3, "right")} ${formatAddress(dma)} next`))
      ),
      frame(BOX_BOTTOM),
    );
  }
  return rows;
}

interface ShownPage {
  readonly page: RequestListPage;
  readonly index: number;
  /** Number of list pages that are left out before this page. */
  readonly hiddenBefore: number;
}

/** The list pages that are shown: all pages, or only the first and the last ones if there are many. */
function shownPages({ listPages }: RequestMemory): ShownPage[] {
  const all = listPages.map((page, index): ShownPage => ({ page, index, hiddenBefore: 0 }));
  if (all.length <= DISPLAYED_PAGES) return all;
  return [all[0]!, { ...all.at(-1)!, hiddenBefore: all.length - 2 }];
}

/** The text of an entry in the right column. */
function entryText(request: RequestMemory, entry: RequestEntry): string {
  if (entry.page !== null) return boxed(request, entry);
  const size = request.hasLengths ? ` ${formatSize(entry.sizeBytes)}` : "";
  return `${entry.label === "SGL" ? "data" : entry.label}  ${formatAddress(entry.dma)}${size}`;
}

const BOX_BOTTOM = `└${"─".repeat(RIGHT - 2)}┘`;

function boxedText(text: string): string {
  return `│${pad(clip(text, RIGHT - 2), RIGHT - 2)}│`;
}

function boxed(request: RequestMemory, entry: RequestEntry): string {
  const size = request.hasLengths ? pad(formatSize(entry.sizeBytes), 7, "right") : "";
  return boxedText(`${pad(entry.label, 3, "right")} ${formatAddress(entry.dma)} ${size}`);
}

/** The drawing if all segments join in one range, which fans out to the entries. */
function oneRange(request: RequestMemory, range: Range): string[] {
  const left = endsOf(request.segments.map(segmentText), SHOWN, hiddenSegments);
  const right = entryRows(
    request,
    (page) =>
      request.entries.filter((entry) => entry.page === page && leadsToData(entry))
        .map((entry) => ({ ...frame(entryText(request, entry)), data: true })),
  );
  const height = Math.max(left.length, right.length);
  const leftTop = Math.floor((height - left.length) / 2);
  const rightTop = Math.floor((height - right.length) / 2);
  const centre = Math.floor((height - 1) / 2);
  const lastData = right.findLastIndex((line) => line.data);

  return Array.from({ length: height }, (_, row) => {
    const segment = left[row - leftTop];
    const entry = right[row - rightTop];
    const atCentre = row === centre;
    return [
      pad(segment ?? "", LEFT),
      gather(row - leftTop, left.length, atCentre, segment?.includes("…") ?? false),
      atCentre ? dashes(`${formatAddress(range.dma)} ${formatSize(range.sizeBytes)}`) : BLANK,
      fanOut(row - rightTop, lastData, atCentre, entry?.data ?? false),
      entry?.right ?? "",
    ].join("");
  });
}

const BLANK = " ".repeat(MIDDLE);

/** Text of the middle column, extended by a line to the right. */
function dashes(text: string): string {
  return `${text} `.padEnd(MIDDLE, "─");
}

/** The text of one row of the gap in which the segments' lines join. */
function gather(row: number, rows: number, atCentre: boolean, gap: boolean): string {
  if (row < 0 || row >= rows) return " ".repeat(GAP);
  if (rows === 1) return "───► ";
  const stem = gap ? " " : "─";
  const left = !gap;
  return `${stem}${joint(row > 0, row < rows - 1, left, atCentre)}${atCentre ? "─► " : "   "}`;
}

/**
 * The text of a row of the gap in which a range fans out to the right, into the rows 0 to `last`.
 */
function fanOut(row: number, last: number, atCentre: boolean, data: boolean): string {
  if (row < 0 || row > last) return " ".repeat(GAP);
  if (last === 0) return "───► ";
  const stem = atCentre ? "─" : " ";
  return `${stem}${joint(row > 0, row < last, atCentre, data)}${data ? "─► " : "   "}`;
}

/** The box-drawing character with an arm in each direction that is true. */
function joint(up: boolean, down: boolean, left: boolean, right: boolean): string {
  const arms = (up ? 8 : 0) + (down ? 4 : 0) + (left ? 2 : 0) + (right ? 1 : 0);
  return " ╶╴─╷┌┐┬╵└┘┴│├┤┼"[arms]!;
}

/** A line of the drawing if each segment has its own mapping. */
interface PieceRow {
  /** The segment that begins in this line; empty in its continuation lines, and in frames. */
  readonly left: string;
  readonly middle: string;
  readonly right: string;
  /** True if the entries in the right column point to data. */
  readonly data: boolean;
  readonly gap: boolean;
  /** True if the entry of the line above also covers this segment. */
  readonly joins: boolean;
}

function frame(right: string): PieceRow {
  return { left: "", middle: "", right, data: false, gap: false, joins: false };
}

function pieceByPiece(request: RequestMemory, markAt: MarkAt): string[] {
  const isWrong = request.entries.some(({ isOutside }) => isOutside);
  const byPage = isWrong ? wrongRowsByPage(request, markAt) : rowsByPage(request, markAt);
  const rows = entryRows(request, (page) => byPage.get(page) ?? []);
  if (isWrong) rows.push(...unreachedRows(request));
  return rows.map((row, index) => drawRow(row, rows, index));
}

function gapRow(hidden: readonly PieceRow[], rightText: (text: string) => string): PieceRow {
  const segments = hidden.filter((row) => row.left !== "").length;
  // If no segment begins at the entries that are left out, the line from the segment above
  // continues.
  if (segments === 0) return frame(rightText(`  …  ${hidden.length} more`));
  return {
    ...frame(rightText(segments === hidden.length ? "  …" : `  …  ${hidden.length} more`)),
    left: `${pad("…", 9, "right")}  ${segments} more`,
    middle: pad("…", 6, "right"),
    gap: true,
  };
}

function drawRow(row: PieceRow, rows: readonly PieceRow[], index: number): string {
  const begins = row.data && row.left !== "";
  // The vertical line continues to the next row if the next line with data belongs to the same
  // segment.
  const next = rows.slice(index + 1).find((other) => other.data || other.gap);
  const goesOn = next !== undefined && next.data && next.left === "";
  const inside = !begins && !row.gap && (row.data || goesOn);
  const joined = rows[index + 1]?.joins === true;
  const trunk = row.joins
    ? `─${joint(true, joined, true, false)}   `
    : begins && joined
    ? `─${joint(false, true, true, true)}─► `
    : begins
    ? goesOn ? `─${joint(false, true, true, true)}─► ` : "───► "
    : inside
    ? ` ${joint(true, goesOn, false, row.data)}${row.data ? "─► " : "   "}`
    : " ".repeat(GAP);
  return [
    pad(row.left, LEFT),
    begins || row.joins ? "───► " : " ".repeat(GAP),
    begins || row.joins ? dashes(row.middle) : pad(row.middle, MIDDLE),
    trunk,
    row.right,
  ].join("");
}

/** The first segment that an entry points to; undefined if it points to none. */
function segmentOf(
  { phys }: RequestEntry,
  { segments }: RequestMemory,
): RequestSegment | undefined {
  if (phys === null) return undefined;
  return segments.find((each) => phys >= each.phys && phys < each.phys + each.sizeBytes);
}

/**
 * The rows of each list page if some entries are in no mapping of the request. The entries then do not
 * describe the memory in its order, so that each is drawn with the segment that it points to.
 */
function wrongRowsByPage(
  request: RequestMemory,
  markAt: MarkAt,
): Map<number | null, PieceRow[]> {
  const rows = request.entries.filter(leadsToData).map((entry) => {
    const segment = segmentOf(entry, request);
    const text = frame(entryText(request, entry));
    const row: PieceRow = segment === undefined ? { ...text, middle: IN_NO_MAPPING } : {
      ...text,
      left: segmentText(segment),
      middle: marked(entry.dma, markAt),
      data: true,
    };
    return { page: entry.page, row };
  });
  return new Map(
    [...groupBy(rows, ({ page }) => page)].map((
      [page, of],
    ) => [page, of.map(({ row }) => row)]),
  );
}

/** An address and its mark. */
function marked(dma: number, markAt: MarkAt): string {
  return markAt === null ? formatAddress(dma) : `${formatAddress(dma)} ${markAt(dma)}`.trimEnd();
}

/** A device's address and its size; in place of the size, which the memory has too, its mark. */
function middleText(dma: number, sizeBytes: number, markAt: MarkAt): string {
  return markAt === null ? addressAndSize(dma, sizeBytes).trimStart() : marked(dma, markAt);
}

/** The segments that no entry points to. */
function unreachedRows(request: RequestMemory): readonly PieceRow[] {
  const reached = new Set(
    request.entries.filter(leadsToData).map((entry) => segmentOf(entry, request)),
  );
  const rows = request.segments.filter((each) => !reached.has(each)).map((each) => ({
    ...frame(""),
    left: segmentText(each),
    middle: each.seq === null ? NOT_MAPPED : IN_NO_ENTRY,
  }));
  return endsOf(rows, SHOWN, (hidden) => ({ ...frame(""), left: hiddenSegments(hidden) }));
}

/**
 * The rows of each list page (null for the command). There is a row for each entry, in the order of
 * the data.
 */
function rowsByPage(request: RequestMemory, markAt: MarkAt): Map<number | null, PieceRow[]> {
  const pages = new Map<number | null, PieceRow[]>();
  let next = 0;
  let segmentAt = 0;
  let entryAt = 0;
  for (const entry of request.entries.filter(leadsToData)) {
    const rows = pages.get(entry.page) ?? [];
    pages.set(entry.page, rows);
    const entryEnd = entryAt + entry.sizeBytes;
    const right = entryText(request, entry);
    let joins = false;
    // If a segment began before this entry and continues in it, the entry gets one line without a
    // segment.
    do {
      const segment = segmentAt < entryEnd ? request.segments[next] : undefined;
      rows.push({
        left: segment === undefined ? "" : segmentText(segment),
        middle: segment === undefined
          ? ""
          : middleText(entry.dma + (segmentAt - entryAt), segment.sizeBytes, markAt),
        right: joins ? entry.page === null ? "" : boxedText("") : right,
        data: !joins,
        gap: false,
        joins,
      });
      if (segment === undefined) break;
      segmentAt += segment.sizeBytes;
      next++;
      joins = true;
    } while (segmentAt < entryEnd && next < request.segments.length);
    entryAt = entryEnd;
  }
  return pages;
}

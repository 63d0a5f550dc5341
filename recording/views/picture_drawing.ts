/**
 * A picture to scale: a page has the same height in each column. The fill of a page shows its
 * state.
 */
import { IN_NO_MAPPING, NOT_MAPPED } from "@dmalab/lang/render";
import { maxOf } from "@dmalab/runtime/basics";
import { formatAddress, formatSize, groupThousands } from "@dmalab/lang/text";
import { type Drawing, LETTER_PX, type Shape, textAt } from "./drawing.ts";
import type { PageState, PicturePage, PictureView } from "./picture.ts";

const TOP_PX = 26;
const GAP_PX = 6;
/** Height of the line with the number of omitted pages. */
const LEFT_PX = 20;
/** Height of a page: smaller if there are many, but enough for its text. */
const PAGE_PX = { few: 20, many: 17, most: 15 };
/**
 * Width of the space for lines between columns, as counted when the code decides whether long notes
 * fit beside the columns. `LEAST_LINKS_PX` is the smallest space between two columns.
 */
const LINKS_PX = 28;
const LEAST_LINKS_PX = 12;

export const PAGE_WORDS: Readonly<Record<PageState, string>> = {
  none: "not mapped yet",
  reserved: "IOVA reserved",
  mapped: "mapped",
  moved: "data moved",
  unmapped: "unmapped",
  leaked: "never unmapped",
};

/** The history of a page in a sentence. */
export function pageLife(
  {
    addressTitle,
    bounce,
    dma,
    entry,
    isMissing,
    mappedSeq,
    movedSeq,
    phys,
    sizeBytes,
    state,
    unmappedSeq,
    writtenSeq,
  }: PicturePage,
): string {
  const memory = `${formatSize(sizeBytes)} of memory ${formatAddress(phys)}${
    bounce === null ? "" : `, copied through ${formatAddress(bounce)}`
  }`;
  if (isMissing) return `${memory}: ${NOT_MAPPED}`;
  const events = [
    state === "none" || state === "reserved" ? "" : `mapped #${mappedSeq}`,
    writtenSeq === null ? "" : `entry ${entry!.label.trim()} written #${writtenSeq}`,
    entry?.fetched ? `read by the device #${entry.fetched}` : "",
    movedSeq === null ? "" : `data moved #${movedSeq}`,
    unmappedSeq === null ? "" : `unmapped #${unmappedSeq}`,
  ].filter((each) => each !== "");
  if (mappedSeq === 0) return `${memory}: ${PAGE_WORDS[state]}`;
  return `${memory}, ${addressTitle} ${formatAddress(dma)}: ${PAGE_WORDS[state]}${
    events.length === 0 ? "" : ` (${events.join(", ")})`
  }`;
}

/** Least width of a picture in which each entry says that it is in no mapping; the fact says it, too. */
const WIDE_PX = 500;

/** The vertical positions of a column's rows. */
interface Column {
  readonly x: number;
  readonly width: number;
  readonly tops: readonly number[];
  readonly end: number;
}

/**
 * A picture as shapes.
 * @param seq The current event: entries that are written after it are not drawn.
 */
export function pictureDrawing(view: PictureView, seq: number, widthPx: number): Drawing {
  const { lists, pages } = view;
  const count = pages.length;
  const high = count <= 18 ? PAGE_PX.few : count <= 28 ? PAGE_PX.many : PAGE_PX.most;
  const isWide = widthPx >= WIDE_PX;
  const entries = entriesOf(view, isWide);
  const entryTitle = lists.length > 0 ? "command and lists" : "command";
  const boxWidth = (texts: readonly string[]) =>
    Math.ceil(maxOf(texts.map((each) => each.length * LETTER_PX + 16), 80));
  const longNotes = view.subject.kind === "mappings" ? pages.map(noteOf) : [];
  const widths = [
    boxWidth([view.memoryTitle, ...pages.map(memoryText)]),
    boxWidth([view.addressTitle, ...pages.map((page) => addressText(page, view))]),
    ...entries.length > 0 ? [boxWidth([entryTitle, ...entries.map(({ text }) => text)])] : [],
  ];
  const columns = widths.length;
  const boxes = widths.reduce((sum, each) => sum + each, LINKS_PX);
  // Text that does not fit is shown below the picture, and as a tooltip.
  const notes = longNotes.length > 0 && boxes + boxWidth(longNotes) > widthPx
    ? pages.map(({ mappedSeq }) => `#${mappedSeq}`)
    : longNotes;
  const noteWidth = notes.length === 0 ? 0 : boxWidth(notes);
  const total = widths.reduce((sum, each) => sum + each, noteWidth);
  const room = (widthPx - total - 2) / (columns - 1);
  const between = Math.max(LEAST_LINKS_PX, Math.min(120, room));
  const order = pages.map((_, page) => page);
  const bySpan = [...order].sort((one, other) => pages[one]!.dma - pages[other]!.dma);
  const memory = stack(order, (one, other) => spaceBetween(view, one, other, "phys"), high);
  const device = stack(bySpan, (one, other) => spaceBetween(view, one, other, "dma"), high);
  const written = stackEntries(entries, high);
  const height = Math.max(memory.end, device.end, written.end);
  // What is wrong is in sight at the top, and not in the middle of a long column.
  const isWrong = view.outside.length > 0 || pages.some(({ isMissing }) => isMissing);
  const at = (x: number, width: number, { end, tops }: Pick<Column, "tops" | "end">): Column => {
    const down = TOP_PX + (isWrong ? 0 : (height - end) / 2);
    return { x, width, tops: tops.map((top) => top + down), end };
  };
  const left = at(0, widths[0]!, memory);
  const middle = at(widths[0]! + between, widths[1]!, device);
  const right = at(middle.x + middle.width + between, widths[2] ?? 0, written);
  const shapes: Shape[] = [
    textAt(left.x, 10, "head", view.memoryTitle),
    textAt(middle.x, 10, "head", view.addressTitle),
    ...entries.length > 0 ? [textAt(right.x, 10, "head", entryTitle)] : [],
    ...pages.flatMap((page, number) =>
      linkShapes(page, number, { left, middle, right }, entries, seq, high)
    ),
    ...pages.flatMap((page, number) => pageShapes(page, number, view, { left, middle }, high)),
    ...entries.flatMap((entry, number) => entryShapes(entry, right, number, seq, high)),
    ...notes.map((note, number) => {
      const look = pages[number]!.state === "leaked" ? "bad" : "dim";
      const y = middle.tops[number]! + high / 2;
      return textAt(middle.x + middle.width + 12, y, look, note);
    }),
    ...leftShapes(view, left),
  ];
  const width = Math.ceil(
    (entries.length > 0 ? right.x + right.width : middle.x + middle.width + noteWidth) + 2,
  );
  return { name: view.title, width, height: Math.ceil(height + TOP_PX + 4), shapes };
}

function memoryText({ bounce, phys, sizeBytes }: PicturePage): string {
  return [
    formatAddress(phys),
    ...sizeBytes === 4096 ? [] : [formatSize(sizeBytes)],
    ...bounce === null ? [] : [`⇄ ${formatAddress(bounce)}`],
  ].join(" ");
}

/** Where the column has addresses of several kinds, each says its own. */
function addressText({ addressTitle, dma }: PicturePage, view: PictureView): string {
  const kind = addressTitle === view.addressTitle ? "" : ` ${addressTitle}`;
  return formatAddress(dma) + kind;
}

function noteOf({ mappedSeq, state, unmappedSeq }: PicturePage): string {
  if (state === "leaked") return `#${mappedSeq}, never unmapped`;
  return unmappedSeq === null ? `#${mappedSeq}, mapped` : `#${mappedSeq} to #${unmappedSeq}`;
}

interface DrawnEntry {
  readonly text: string;
  /** The page that the entry points to; null for a list, and for memory outside of the request. */
  readonly page: number | null;
  /** Whether the entry's address is in no mapping of the request. */
  readonly isOutside: boolean;
  /** The list that contains the entry; null for an entry of the command itself. */
  readonly list: number | null;
  readonly seq: number | null;
  readonly fetched: number | null;
}

/** @param isWide Whether there is room to say what a red entry means. */
function entriesOf(
  { lists, outside, pages }: PictureView,
  isWide: boolean,
): readonly DrawnEntry[] {
  const own = pages.flatMap(({ entry }, page): DrawnEntry[] =>
    entry === null ? [] : [{
      text: `${entry.label.padEnd(4)} ${formatAddress(entry.dma)}`,
      page,
      isOutside: false,
      list: entry.page,
      seq: entry.seq,
      fetched: entry.fetched,
    }]
  );
  const leading = lists.map(({ dma, fetched, label, page, seq }): DrawnEntry => ({
    text: `${label.padEnd(4)} list ${formatAddress(dma)}`,
    page: null,
    isOutside: false,
    list: page,
    seq,
    fetched,
  }));
  const wrong = outside.map(({ dma, fetched, label, page, seq }): DrawnEntry => ({
    text: `${label.padEnd(4)} ${formatAddress(dma)}${isWide ? `, ${IN_NO_MAPPING}` : ""}`,
    page: null,
    isOutside: true,
    list: page,
    seq,
    fetched,
  }));
  const all = [...own, ...wrong, ...leading];
  const of = (list: number | null) => all.filter((each) => each.list === list);
  const numbers = [...new Set(all.map(({ list }) => list))]
    .sort((one, other) => (one ?? -1) - (other ?? -1));
  return numbers.flatMap(of);
}

/** Positions from the top, with space between elements that do not belong together. */
function stack(
  order: readonly number[],
  spacePx: (one: number, other: number) => number,
  high: number,
): { tops: number[]; end: number } {
  const tops: number[] = [];
  let y = 0;
  order.forEach((page, place) => {
    if (place > 0) y += spacePx(order[place - 1]!, page);
    tops[page] = y;
    y += high;
  });
  return { tops, end: y };
}

function stackEntries(entries: readonly DrawnEntry[], high: number) {
  return stack(
    entries.map((_, entry) => entry),
    (one, other) => entries[one]!.list === entries[other]!.list ? 0 : GAP_PX,
    high,
  );
}

function spaceBetween(
  { left, pages }: PictureView,
  one: number,
  other: number,
  side: "phys" | "dma",
): number {
  if (left !== null && left.before === other) return LEFT_PX;
  return pages[one]![side] + pages[one]!.sizeBytes === pages[other]![side] ? 0 : GAP_PX;
}

interface Columns {
  readonly left: Column;
  readonly middle: Column;
  readonly right: Column;
}

function linkShapes(
  { mappedSeq, state }: PicturePage,
  number: number,
  { left, middle, right }: Columns,
  entries: readonly DrawnEntry[],
  seq: number,
  high: number,
): readonly Shape[] {
  const link = (x1: number, y1: number, x2: number, y2: number): Shape => ({
    tag: "line",
    look: `link ${state}`,
    at: { x1, y1: y1 + high / 2, x2, y2: y2 + high / 2 },
    part: number,
    seq: mappedSeq,
  });
  if (state === "none" || state === "reserved") return [];
  const own = entries.findIndex(({ page }) => page === number);
  const isWritten = own >= 0 && (entries[own]!.seq ?? 0) <= seq;
  return [
    link(left.x + left.width, left.tops[number]!, middle.x, middle.tops[number]!),
    ...isWritten
      ? [link(middle.x + middle.width, middle.tops[number]!, right.x, right.tops[own]!)]
      : [],
  ];
}

function pageShapes(
  page: PicturePage,
  number: number,
  view: PictureView,
  { left, middle }: Pick<Columns, "left" | "middle">,
  high: number,
): readonly Shape[] {
  const { hasMoved, isMissing, mappedSeq, state } = page;
  const tip = pageLife(page);
  const box = ({ tops, width, x }: Column, look: string): Shape => ({
    tag: "rect",
    look,
    at: { x: x + 0.5, y: tops[number]! + 0.5, width: width - 1, height: high - 1 },
    tip,
    seq: mappedSeq,
    part: number,
  });
  const words = ({ tops, x }: Column, text: string, look: string) =>
    textAt(x + 8, tops[number]! + high / 2 + 0.5, look, text, { part: number });
  // Transferred data stays visible when its page is unmapped.
  const edge = ({ tops, x }: Column): Shape => ({
    tag: "rect",
    look: "solid data",
    at: { x, y: tops[number]!, width: 4, height: high },
  });
  const memory = state === "leaked" || isMissing
    ? "leaked"
    : state === "moved"
    ? "moved"
    : state === "none" || state === "reserved"
    ? "none"
    : "plain";
  const isGone = state === "unmapped" && hasMoved;
  return [
    box(left, memory),
    ...isGone ? [edge(left)] : [],
    words(left, memoryText(page), memory === "moved" ? "on-moved" : ""),
    box(middle, isMissing ? "none" : state),
    ...isGone ? [edge(middle)] : [],
    words(
      middle,
      isMissing || mappedSeq === 0 ? NOT_MAPPED : addressText(page, view),
      isMissing ? "bad" : state === "moved" ? "on-moved" : state === "none" ? "dim" : "",
    ),
  ];
}

function entryShapes(
  { fetched, isOutside, page, seq: written, text }: DrawnEntry,
  { tops, width, x }: Column,
  number: number,
  seq: number,
  high: number,
): readonly Shape[] {
  const isWritten = (written ?? 0) <= seq;
  const isRead = fetched !== null && fetched <= seq;
  const part = page === null ? {} : { part: page };
  const tip = isWritten
    ? `${text.trim()}: written #${written}${
      isRead ? `, read by the device #${fetched}` : ", not read yet"
    }`
    : `${text.trim()}: not written yet`;
  const box: Shape = {
    tag: "rect",
    look: !isWritten ? "none" : isOutside ? "leaked" : isRead ? "read" : "plain",
    at: { x: x + 0.5, y: tops[number]! + 0.5, width: width - 1, height: high - 1 },
    tip,
    ...written === null ? {} : { seq: written },
    ...part,
  };
  const words = isWritten ? text : text.slice(0, 4);
  const y = tops[number]! + high / 2 + 0.5;
  return [box, textAt(x + 8, y, !isWritten ? "dim" : isOutside ? "bad" : "", words, part)];
}

function leftShapes({ left }: PictureView, { tops, x }: Column): readonly Shape[] {
  if (left === null) return [];
  const y = tops[left.before]! - LEFT_PX / 2;
  return [textAt(x + 8, y, "dim", `… ${groupThousands(left.pages)} more`)];
}

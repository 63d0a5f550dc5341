/**
 * A drawing of a queue pair: two rings, the positions in them, and the commands in flight.
 *
 *     submission queue at 0xffff_c000                               doorbell 0x1008
 *       slot           0    1    2    3    4    5    6    7
 *       tag            ·    ·    2    3    4    ·    ·    ·
 *       controller               ▲ head 2
 *       host                               ▲ rung 4
 *                                               ▲ tail 5
 */
import { clip, pad, PICTURE_COLUMNS, spread, tableLines } from "../../text/columns.ts";
import { formatAddress } from "../../text/numbers.ts";

export interface RingMark {
  readonly who: string;
  readonly what: string;
  readonly slot: number;
}

export interface PicturedRing {
  readonly title: string;
  readonly dma: number;
  readonly doorbell: number;
  /** The title of the row of cells. */
  readonly shows: string;
  cell(slot: number): string;
  readonly marks: readonly RingMark[];
  /** The index of a slot that has to be visible if the ring is too long to be drawn as a whole. */
  readonly focus: number;
}

export interface PicturedQueue {
  readonly title: string;
  readonly state: string;
  readonly depthEntries: number;
  readonly rings: readonly PicturedRing[];
  /** Title and rows of the commands in flight. */
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
}

/** Slots on a line, and the widths of a cell and of the labels on the left. */
const DISPLAYED_SLOTS = 13;
const CELL = 5;
const LABEL = 14;
/** Slots shown before the focus. */
const BEFORE_FOCUS = 3;
/** Limit of the commands that are listed; the rest is only counted. */
const DISPLAYED_COMMANDS = 8;
/** Numbers are right-aligned; the operation between them is left-aligned. */
const ALIGNMENTS = ["right", "right", "left", "right", "right"] as const;

/** The drawing, in at most 80 columns. */
export function queuePicture(queue: PicturedQueue): string[] {
  const rest = queue.rows.length - DISPLAYED_COMMANDS;
  return [
    spread(queue.title, queue.state),
    "─".repeat(PICTURE_COLUMNS),
    ...queue.rings.flatMap((ring) => ringLines(ring, queue.depthEntries)),
    ...queue.rows.length === 0
      ? ["nothing in flight"]
      : tableLines(queue.header, queue.rows.slice(0, DISPLAYED_COMMANDS), ALIGNMENTS),
    ...rest > 0 ? [`… ${rest} more`] : [],
    ...queue.notes,
  ].map((line) => clip(line, PICTURE_COLUMNS).trimEnd());
}

function ringLines(ring: PicturedRing, depthEntries: number): string[] {
  const slots = shownSlots(ring.focus, depthEntries);
  const row = (label: string, cells: readonly string[]) =>
    pad(`  ${label}`, LABEL) + cells.map((cell) => pad(cell, CELL)).join("");
  const title = `${ring.title} at ${formatAddress(ring.dma)}`;
  const doorbell = `doorbell 0x${ring.doorbell.toString(16)}`;
  return [
    spread(title, doorbell),
    row("slot", slots.map(String)),
    row(ring.shows, slots.map((slot) => ring.cell(slot))),
    ...ring.marks.flatMap((mark) => markLine(mark, slots)),
    "",
  ];
}

/** All slots of a short ring, or the slots around the focus. */
function shownSlots(focus: number, depthEntries: number): number[] {
  if (depthEntries <= DISPLAYED_SLOTS) {
    return Array.from({ length: depthEntries }, (_, slot) => slot);
  }
  const first = (focus - BEFORE_FOCUS + depthEntries) % depthEntries;
  return Array.from({ length: DISPLAYED_SLOTS }, (_, at) => (first + at) % depthEntries);
}

function markLine({ who, what, slot }: RingMark, slots: readonly number[]): string[] {
  const at = slots.indexOf(slot);
  const label = pad(`  ${who}`, LABEL);
  if (at < 0) return [`${label}${what} ${slot} →`];
  const text = `${what} ${slot}`;
  const before = " ".repeat(at * CELL);
  // At the right edge the text is placed before the arrow.
  return LABEL + at * CELL + 2 + text.length <= PICTURE_COLUMNS
    ? [`${label}${before}▲ ${text}`]
    : [`${label}${before.slice(text.length + 1)}${text} ▲`];
}

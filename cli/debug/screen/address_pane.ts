/**
 * The IOVAs of devices, as strips: a letter for as many pages as fit. Addresses far
 * from each other have strips of their own.
 */
import { formatAddress, formatSize } from "@dmalab/lang/text";
import {
  type PaneLine,
  type PaneView,
  type Room,
  type ScreenModel,
  shownPart,
} from "./screen_model.ts";

/** What there is at an address; where several meet, the first one here is shown. */
const LETTERS = { new: "+", gone: "-", mapped: "#", reserved: ":" } as const;
const FREE = ".";
/** Smallest step of a strip, and the gap at which another begins. */
const PAGE_BYTES = 4096;
const GAP_BYTES = 64 * PAGE_BYTES;

/** A part of a device's IOVA space. */
interface Piece {
  readonly device: string;
  readonly start: number;
  readonly end: number;
  readonly kind: keyof typeof LETTERS;
  readonly createdSeq: number;
}

/** Pieces near each other. */
interface Strip {
  readonly device: string;
  readonly start: number;
  end: number;
  readonly pieces: Piece[];
}

/** Tables of ranges: which fields say where one begins. */
const TABLES = {
  page_table: { start: "iova", kind: "mapped" },
  iova: { start: "start", kind: "reserved" },
} as const;

export function addressPane(model: ScreenModel, chosen: number, room: Room): PaneView {
  const strips = stripsOf(piecesOf(model));
  const lines = strips.map((strip): PaneLine => ({
    line: [stripText(strip, room.columns)],
    enter: `:goto ${Math.max(0, ...strip.pieces.map(({ createdSeq }) => createdSeq))}`,
  }));
  const legend = Object.entries(LETTERS).map(([word, letter]) => `${letter} ${word}`).join("  ");
  const title = strips.length === 0 ? "addresses: none in use" : `addresses  ${legend}`;
  return shownPart(title, lines, chosen, room);
}

/** How many strips there are. */
export function countStrips(model: ScreenModel): number {
  return stripsOf(piecesOf(model)).length;
}

function piecesOf(model: ScreenModel): readonly Piece[] {
  const { position, recording } = model;
  const known = new Set(recording.tables.map(({ spec }) => spec.name));
  const pieces: Piece[] = [];
  for (const [table, { kind, start }] of Object.entries(TABLES)) {
    if (!known.has(table)) continue;
    const facts = recording.table(table);
    const add = (row: number, createdSeq: number, kind: Piece["kind"]) => {
      const from = Number(facts.value(row, start));
      const size = Number(facts.value(row, "size_bytes"));
      const device = String(facts.value(row, "device"));
      pieces.push({ device, start: from, end: from + size, kind, createdSeq });
    };
    for (const row of facts.rowsAt(position.seq)) add(row, facts.row(row).createdSeq, kind);
    if (kind !== "mapped") continue;
    for (const { createdSeq, endedSeq, mark, row, table: own } of model.changedRows()) {
      if (own === table) {
        add(row, mark === "-" ? endedSeq ?? createdSeq : createdSeq, mark === "-" ? "gone" : "new");
      }
    }
  }
  return pieces;
}

function stripsOf(pieces: readonly Piece[]): readonly Strip[] {
  const sorted = pieces.toSorted((one, other) =>
    one.device.localeCompare(other.device, "en") || one.start - other.start
  );
  const strips: Strip[] = [];
  for (const piece of sorted) {
    const last = strips.at(-1);
    if (last?.device === piece.device && piece.start - last.end <= GAP_BYTES) {
      last.pieces.push(piece);
      last.end = Math.max(last.end, piece.end);
    } else {
      const { device, end, start } = piece;
      strips.push({ device, start, end, pieces: [piece] });
    }
  }
  return strips;
}

/** `ssd 0xfffe_0000 ..####:: 0xffff_ffff  4KiB each`. */
function stripText({ device, end, pieces, start }: Strip, columns: number): string {
  const head = `${device} ${formatAddress(start)} `;
  const tail = ` ${formatAddress(end - 1)}`;
  const room = Math.max(4, columns - head.length - tail.length - "  1024GiB each".length);
  let step = PAGE_BYTES;
  while (Math.ceil((end - start) / step) > room) step *= 2;
  const cells = Array.from({ length: Math.ceil((end - start) / step) }, (_, index) => {
    const from = start + index * step;
    const here = new Set(
      pieces.filter((piece) => piece.start < from + step && piece.end > from)
        .map(({ kind }) => kind),
    );
    const kind = (Object.keys(LETTERS) as Piece["kind"][]).find((each) => here.has(each));
    return kind === undefined ? FREE : LETTERS[kind];
  });
  return `${head}${cells.join("")}${tail}  ${formatSize(step)} each`;
}

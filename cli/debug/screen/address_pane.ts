/** The IOVAs of devices, as strips: a letter for as many pages as fit. */
import { stripCells } from "@dmalab/lang/render";
import { formatAddress, formatSize } from "@dmalab/lang/text";
import {
  type AddressPiece,
  addressPieces,
  type AddressStrip,
  addressStrips,
} from "@dmalab/recording/views";
import {
  type PaneLine,
  type PaneView,
  type Room,
  type ScreenModel,
  shownPart,
} from "./screen_model.ts";

/** What there is at an address; where several meet, the first one here is shown. */
const LETTERS = { new: "+", gone: "-", mapped: "#", reserved: ":" } as const;
const KINDS = ["new", "gone", "mapped", "reserved"] as const;
const FREE = ".";
/** Smallest step of a strip. */
const PAGE_BYTES = 4096;

export function addressPane(model: ScreenModel, chosen: number, room: Room): PaneView {
  const strips = stripsOf(model);
  const lines = strips.map((strip): PaneLine => ({
    line: [stripText(strip, room.columns)],
    enter: `:goto ${Math.max(0, ...strip.pieces.map(({ seq }) => seq))}`,
  }));
  const legend = KINDS.map((word) => `${LETTERS[word]} ${word}`).join("  ");
  const title = strips.length === 0 ? "addresses: none in use" : `addresses  ${legend}`;
  return shownPart(title, lines, chosen, room);
}

export function countStrips(model: ScreenModel): number {
  return stripsOf(model).length;
}

function stripsOf(model: ScreenModel): readonly AddressStrip[] {
  const pieces = addressPieces(model.recording, model.position, model.changedRows());
  // What a device's IOMMU maps comes and goes; the ranges of IOVAs around it only are there.
  return addressStrips(
    pieces.filter(({ change, kind, space }) =>
      space === "dma" && (kind === "mapped" || change !== "gone")
    ),
  );
}

function letterOf({ change, kind }: AddressPiece): keyof typeof LETTERS {
  return kind === "mapped" ? change ?? kind : kind;
}

/** `ssd 0xfffe_0000 ..####:: 0xffff_ffff  4KiB each`. */
function stripText({ end, owner, pieces, start }: AddressStrip, columns: number): string {
  const head = `${owner} ${formatAddress(start)} `;
  const tail = ` ${formatAddress(end - 1)}`;
  const room = Math.max(4, columns - head.length - tail.length - "  1024GiB each".length);
  let cellBytes = PAGE_BYTES;
  while (Math.ceil((end - start) / cellBytes) > room) cellBytes *= 2;
  const lettered = pieces.map((piece) => ({
    start: piece.start,
    sizeBytes: piece.end - piece.start,
    kind: letterOf(piece),
  }));
  const scale = { start, cellBytes, cells: Math.ceil((end - start) / cellBytes) };
  const cells = stripCells(lettered, scale, KINDS)
    .map((kind) => kind === null ? FREE : LETTERS[kind]);
  return `${head}${cells.join("")}${tail}  ${formatSize(cellBytes)} each`;
}

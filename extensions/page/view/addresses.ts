/// <reference lib="dom" />
/**
 * Addresses as strips: of each device what its IOMMU maps and which IOVAs are reserved, and of memory what
 * is mapped for devices. Addresses far from each other have strips of their own.
 */
import { rowsAt } from "@dmalab/recording";
import { formatAddress, formatSize } from "@dmalab/lang/text";
import { el } from "./dom.ts";
import type { PageModel } from "./page_model.ts";
import type { AddressSpan, Selection } from "./selection.ts";

/** A gap at which another strip begins. */
const GAP_BYTES = 64 * 4096;
/** Strips and pieces that are drawn; the tables have all rows. */
const MAX_STRIPS = 12;
const MAX_PIECES = 400;

interface Piece {
  readonly owner: string;
  readonly kind: "mapped" | "reserved";
  readonly span: AddressSpan;
  readonly seq: number;
}

interface Strip {
  readonly owner: string;
  readonly start: number;
  end: number;
  readonly pieces: Piece[];
}

export function drawAddresses(model: PageModel, root: HTMLElement): void {
  const strips = stripsOf(piecesOf(model));
  const left = strips.length - MAX_STRIPS;
  root.replaceChildren(
    el(
      "h2",
      {},
      strips.length === 0 ? "Addresses: none in use" : "Addresses",
      el("small", {}, " █ mapped  ░ reserved  outlined: written by the last move"),
    ),
    ...strips.slice(0, MAX_STRIPS).map((strip) => drawStrip(model, strip)),
    ...left > 0 ? [el("p", { class: "dim" }, `and ${left} more strips`)] : [],
  );
}

function drawStrip({ position, before, goTo, selections }: PageModel, strip: Strip): HTMLElement {
  const { end, owner, pieces, start } = strip;
  const whole = end - start;
  const count = { mapped: 0, reserved: 0 };
  for (const { kind } of pieces) count[kind]++;
  const text = `${owner} ${formatAddress(start)} to ${formatAddress(end - 1)}`;
  const about = `${text}: ${count.mapped} mapped, ${count.reserved} reserved`;
  const bar = el("div", { class: "strip", role: "img", "aria-label": about });
  for (const { kind, seq, span } of pieces.slice(0, MAX_PIECES)) {
    const isNew = seq <= position.seq && seq > before.seq;
    const title = `${formatAddress(span.start)} ${
      formatSize(span.end - span.start)
    } ${kind}, event ${seq}`;
    const piece = el("span", { class: `${kind}${isNew ? " new" : ""}`, title });
    piece.style.left = `${(span.start - start) / whole * 100}%`;
    piece.style.width = `max(2px, ${(span.end - span.start) / whole * 100}%)`;
    piece.addEventListener("click", () => goTo(seq));
    const selection: Selection = { seq, spans: [span] };
    selections.set(piece, selection);
    bar.append(piece);
  }
  return el("div", { class: "strip-row" }, el("span", { class: "strip-name" }, text), bar);
}

function piecesOf({ position, run }: PageModel): readonly Piece[] {
  const known = new Set(run.tables.map(({ spec }) => spec.name));
  const pieces: Piece[] = [];
  const add = (owner: string, kind: Piece["kind"], span: AddressSpan, seq: number) =>
    void pieces.push({ owner, kind, span, seq });
  const span = (space: AddressSpan["space"], start: number, size: number): AddressSpan => ({
    space,
    start,
    end: start + size,
  });
  if (known.has("iova")) {
    for (const row of rowsAt(run, "iova", position)) {
      add(`${row.device}`, "reserved", span("dma", row.start, row.size_bytes), row.createdSeq);
    }
  }
  if (known.has("page_table")) {
    for (const row of rowsAt(run, "page_table", position)) {
      add(`${row.device}`, "mapped", span("dma", row.iova, row.size_bytes), row.createdSeq);
    }
  }
  if (known.has("mappings")) {
    for (const row of rowsAt(run, "mappings", position)) {
      add("memory", "mapped", span("phys", row.phys, row.size_bytes), row.createdSeq);
    }
  }
  return pieces;
}

function stripsOf(pieces: readonly Piece[]): readonly Strip[] {
  const sorted = pieces.toSorted((one, other) =>
    one.owner === other.owner ? one.span.start - other.span.start : one.owner < other.owner ? -1 : 1
  );
  const strips: Strip[] = [];
  for (const piece of sorted) {
    const { owner, span: { end, start } } = piece;
    const last = strips.at(-1);
    if (last?.owner === owner && start - last.end <= GAP_BYTES) {
      last.pieces.push(piece);
      last.end = Math.max(last.end, end);
    } else strips.push({ owner, start, end, pieces: [piece] });
  }
  // What is reserved lies behind what is mapped.
  for (const { pieces } of strips) {
    pieces.sort((a, b) => a.kind < b.kind ? 1 : a.kind > b.kind ? -1 : 0);
  }
  return strips;
}

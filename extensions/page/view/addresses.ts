/// <reference lib="dom" />
/** Addresses in use as strips, the last move's outlined. */
import { formatAddress, formatSize } from "@dmalab/lang/text";
import { addressPieces, type AddressStrip, addressStrips } from "@dmalab/recording/views";
import { el } from "./dom.ts";
import type { PageModel } from "./page_model.ts";

/** Strips and pieces that are drawn; the tables have all rows. */
const MAX_STRIPS = 12;
const MAX_PIECES = 400;

export function drawAddresses(model: PageModel, root: HTMLElement): void {
  const { changed, position, run } = model;
  const pieces = addressPieces(run, position, changed());
  const strips = addressStrips(pieces.filter(({ change }) => change !== "gone"));
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

function drawStrip({ goTo, selections }: PageModel, strip: AddressStrip): HTMLElement {
  const { end, owner, pieces, start } = strip;
  const whole = end - start;
  const count = { mapped: 0, reserved: 0 };
  for (const { kind } of pieces) count[kind]++;
  const text = `${owner} ${formatAddress(start)} to ${formatAddress(end - 1)}`;
  const about = `${text}: ${count.mapped} mapped, ${count.reserved} reserved`;
  const bar = el("div", { class: "strip", role: "img", "aria-label": about });
  // What is reserved lies behind what is mapped.
  const shown = [
    ...pieces.filter(({ kind }) => kind === "reserved"),
    ...pieces.filter(({ kind }) => kind === "mapped"),
  ].slice(0, MAX_PIECES);
  for (const { change, kind, seq, space, ...span } of shown) {
    const sizeBytes = span.end - span.start;
    const title = `${formatAddress(span.start)} ${formatSize(sizeBytes)} ${kind}, event ${seq}`;
    const piece = el("span", { class: `${kind}${change === null ? "" : " new"}`, title });
    piece.style.left = `${(span.start - start) / whole * 100}%`;
    piece.style.width = `max(2px, ${sizeBytes / whole * 100}%)`;
    piece.addEventListener("click", () => goTo(seq));
    selections.set(piece, { seq, spans: [{ space, start: span.start, end: span.end }] });
    bar.append(piece);
  }
  return el("div", { class: "strip-row" }, el("span", { class: "strip-name" }, text), bar);
}

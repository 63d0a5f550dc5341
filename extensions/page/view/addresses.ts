/// <reference lib="dom" />
/** Addresses in use as strips: of each device, and of memory. */
import { addressPieces, addressUses } from "@dmalab/recording/views";
import { drawn, el } from "./dom.ts";
import type { PageModel } from "./page_model.ts";

/** Strips that are drawn; the tables have all rows. */
const MAX_STRIPS = 12;
const NAME_PX = 160;
const NARROW_PX = 700;

export function drawAddresses(model: PageModel, root: HTMLElement): void {
  const { changed, goTo, leaked, position, run, selections } = model;
  const room = root.clientWidth - 26;
  const width = Math.max(200, innerWidth < NARROW_PX + 20 ? room : room - NAME_PX);
  const uses = addressUses(run, addressPieces(run, position, changed()), leaked, width);
  const left = uses.length - MAX_STRIPS;
  root.replaceChildren(
    el(
      "h2",
      {},
      uses.length === 0
        ? "No addresses are in use at this position"
        : "Addresses in use: a cell is a page, gaps are shortened",
    ),
    ...uses.slice(0, MAX_STRIPS).map(({ drawing, owner, title }) => {
      const picture = drawn(drawing);
      for (const shape of picture.querySelectorAll("rect[data-seq]")) {
        const seq = Number(shape.getAttribute("data-seq"));
        selections.set(shape, { seq, spans: [] });
        shape.addEventListener("click", () => goTo(seq));
      }
      const name = el("span", { class: "strip-name cut", title }, owner);
      name.append(el("small", { class: "cut" }, title.slice(owner.length + 2)));
      return el("div", { class: "strip" }, name, picture);
    }),
    ...left > 0 ? [el("p", { class: "dim" }, `and ${left} more strips`)] : [],
  );
}
